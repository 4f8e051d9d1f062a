// What every view may ask for: the language, who is signed in, where we are, what happens now.
import { api } from "./api.js";
import { createContext, useCallback, useContext, useEffect, useRef, useState } from "../shared/ui.js";

export const Console = createContext(null);
export const useConsole = () => useContext(Console);

// Loads something and loads it again when told; keeps what it had while it does.
export function useLoad(load, deps) {
  const [state, setState] = useState({ value: undefined, error: null, loading: true });
  const turn = useRef(0);
  const again = useCallback(async () => {
    const mine = ++turn.current;
    try {
      const value = await load();
      if (mine === turn.current) setState({ value, error: null, loading: false });
    } catch (error) {
      if (mine === turn.current) setState((old) => ({ ...old, error, loading: false }));
    }
  }, deps);
  useEffect(() => {
    setState((old) => ({ ...old, value: undefined, error: null, loading: true }));
    again();
  }, [again]);
  const set = useCallback((change) => setState((old) => ({ ...old, value: change(old.value) })), []);
  return { ...state, again, set };
}

// Where one can try a conversation: a web chat that is on, if there is one.
export function useDemoChat() {
  const [bot, setBot] = useState(null);
  useEffect(() => {
    api.get("/bots", { platform: "webchat" }).then((page) => setBot(page.items.find((one) => one.enabled) || null), () => {});
  }, []);
  return bot && `/chat/${bot.id}`;
}

// Calls `listener` for items of the live feed, and `again` after a lost connection.
export function useLive(listener, again) {
  const { feed } = useConsole();
  const latest = useRef({});
  latest.current = { listener, again };
  useEffect(() => feed.listen({
    item: (item) => latest.current.listener?.(item),
    open: () => latest.current.again?.(),
  }), [feed]);
}

export function useNow(everyMs) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

export function makeFeed() {
  const listeners = new Set();
  return {
    listen(listener) { listeners.add(listener); return () => listeners.delete(listener); },
    item(item) { for (const one of listeners) one.item(item); },
    open() { for (const one of listeners) one.open(); },
  };
}
