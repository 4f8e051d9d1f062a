import { html, render, useCallback, useEffect, useMemo, useRef, useState } from "../shared/ui.js";
import { Icon } from "../shared/icons.js";
import { initialLanguage, keepLanguage, read, translator, write } from "../shared/language.js";
import { api, ApiError, followEvents, whenSignedOut } from "./api.js";
import { Console, makeFeed, useConsole } from "./context.js";
import { Avatar, Button, Loading, Modal, TextField, useAction } from "./parts.js";
import { SignIn, Welcome } from "./signin.js";
import { Inbox, Shortcuts, useWaitingCount } from "./inbox.js";
import { Conversations } from "./conversations.js";
import { Bots } from "./bots.js";
import { Connections } from "./connections.js";
import { Keys } from "./keys.js";
import { Letters } from "./letters.js";
import { People } from "./people.js";
import { WORDS } from "./words.js";

const HOME = "/console/";
// name, icon, view, the action one must be allowed
const PLACES = [
  ["inbox", "inbox", Inbox, "tickets.read"],
  ["conversations", "chats", Conversations, "conversations.read"],
  ["bots", "bot", Bots, "bots.read"],
  ["connections", "plug", Connections, "connections.read"],
  ["keys", "key", Keys, "keys.read"],
  ["letters", "letter", Letters, "dlq.read"],
  ["people", "people", People, "accounts.read"],
];
const ON_PHONE = 3;

function usePath() {
  const parse = () => location.pathname.slice(HOME.length).split("/").filter(Boolean).map(decodeURIComponent);
  const [path, setPath] = useState(parse);
  useEffect(() => {
    const onPop = () => setPath(parse());
    addEventListener("popstate", onPop);
    return () => removeEventListener("popstate", onPop);
  }, []);
  const go = useCallback((...steps) => {
    const address = HOME + steps.map(encodeURIComponent).join("/");
    if (address !== location.pathname) history.pushState(null, "", address);
    setPath(steps);
  }, []);
  return [path, go];
}

function useToasts() {
  const [toasts, setToasts] = useState([]);
  const next = useRef(0);
  const drop = useCallback((id) => setToasts((all) => all.filter((one) => one.id !== id)), []);
  const add = useCallback((toast) => {
    const id = ++next.current;
    setToasts((all) => [...all.slice(-3), { id, ...toast }]);
    setTimeout(() => drop(id), toast.kind === "bad" ? 9000 : 4000);
  }, []);
  return [toasts, add, drop];
}

function Toasts({ toasts, drop, t }) {
  return html`<div class="toasts">${toasts.map((toast) => html`<div key=${toast.id} class=${`toast ${toast.kind}`} role=${toast.kind === "bad" ? "alert" : "status"}>
    <${Icon} name=${toast.kind === "bad" ? "alert" : "check"} /><p>${toast.text} ${toast.code && html`<code>${toast.code}</code>`}</p>
    <button type="button" aria-label=${t("close")} onClick=${() => drop(toast.id)}><${Icon} name="close" size=${16} /></button></div>`)}</div>`;
}

function ChangePassword({ onClose }) {
  const { t, say, sentence } = useConsole();
  const [values, setValues] = useState({ current: "", fresh: "", again: "" });
  const [wrong, setWrong] = useState({});
  const [busy, run] = useAction();
  const set = (name) => (value) => setValues((all) => ({ ...all, [name]: value }));
  const save = () => {
    if (values.fresh !== values.again) return setWrong({ again: t("passwordsDiffer") });
    return run(async () => {
      await api.post("/session/password", { current: values.current, new: values.fresh });
      say(t("passwordChanged"));
      onClose();
    }, (error) => { setWrong({ [error.field]: sentence(error) }); return Boolean(error.field); });
  };
  return html`<${Modal} title=${t("changePassword")} onClose=${onClose} foot=${html`<${Button} onClick=${onClose}>${t("cancel")}<//><${Button} kind="primary" busy=${busy} onClick=${save}>${t("save")}<//>`}>
    <form class="stack" onSubmit=${(e) => { e.preventDefault(); save(); }}>
      <${TextField} label=${t("currentPassword")} type="password" autocomplete="current-password" value=${values.current} onValue=${set("current")} error=${wrong.current} required />
      <${TextField} label=${t("newPassword")} help=${t("passwordHelp")} type="password" autocomplete="new-password" value=${values.fresh} onValue=${set("fresh")} error=${wrong.new} required />
      <${TextField} label=${t("repeatPassword")} type="password" autocomplete="new-password" value=${values.again} onValue=${set("again")} error=${wrong.again} required />
      <button hidden></button></form><//>`;
}

function Menu({ shell, places, onClose, onShortcuts, onPassword }) {
  const { t, me, language, setLanguage, theme, flipTheme, sound, flipSound, signOut, path, go } = shell;
  const act = (work) => () => { onClose(); work(); };
  return html`<${Modal} title=${t("menu")} onClose=${onClose}>
    <div class="me"><${Avatar} name=${me.name} /><div><strong>${me.name}</strong><p>${me.login} · ${t(`role_${me.role}`)}</p></div></div>
    <ul class="menu">
      ${places.map(([name, icon]) => html`<li class="phone-only"><button aria-current=${path[0] === name ? "page" : null} onClick=${act(() => go(name))}><${Icon} name=${icon} /> ${t(name)}</button></li>`)}
      <li><button onClick=${() => setLanguage(language === "zh" ? "en" : "zh")} lang=${language === "zh" ? "en" : "zh-CN"}><${Icon} name="language" /> ${t("language")}</button></li>
      <li><button onClick=${flipTheme}><${Icon} name=${theme === "dark" ? "sun" : "moon"} /> ${t("theme")}</button></li>
      <li><button role="switch" aria-checked=${String(sound)} onClick=${flipSound}><${Icon} name=${sound ? "bell" : "belloff"} /> ${t(sound ? "soundOn" : "soundOff")}</button></li>
      <li><button onClick=${act(onShortcuts)}><${Icon} name="keyboard" /> ${t("shortcuts")}</button></li>
      ${me.login && html`<li><button onClick=${act(onPassword)}><${Icon} name="key" /> ${t("changePassword")}</button></li>`}
      <li><button onClick=${act(signOut)}><${Icon} name="door" /> ${t("signOut")}</button></li>
    </ul><//>`;
}

function Shell({ shell }) {
  const { t, me, path, go, connected } = shell;
  const [open, setOpen] = useState(null);
  const waiting = useWaitingCount();
  const places = PLACES.filter(([, , , action]) => me.actions.includes(action));
  const here = places.find(([name]) => name === path[0]) || places[0];
  const View = here[2];
  useEffect(() => {
    document.title = `${waiting ? `(${waiting}) ` : ""}${t(here[0])} · Tandem`;
    if (navigator.setAppBadge) navigator.setAppBadge(waiting || undefined).catch(() => {});
  }, [waiting, here[0], t]);
  useEffect(() => {
    const onKey = (event) => {
      if (event.key !== "?" || event.target.closest("input, textarea, select, dialog")) return;
      event.preventDefault();
      setOpen("shortcuts");
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  const link = ([name, icon]) => html`<li key=${name}><a href=${HOME + name} aria-current=${name === here[0] ? "page" : null}
    onClick=${(e) => { if (e.metaKey || e.ctrlKey || e.shiftKey) return; e.preventDefault(); go(name); }}>
    <span class="glyph"><${Icon} name=${icon} size=${21} />${name === "inbox" && waiting > 0 && html`<span class="dot" aria-label=${`${t("f_waiting")}: ${waiting}`}>${waiting > 99 ? "99+" : waiting}</span>`}</span>
    <span class="label">${t(name)}</span></a></li>`;
  return html`<div class="shell">
    <a class="skip" href="#content" onClick=${(e) => { e.preventDefault(); document.getElementById("content").focus(); }}>${t("skip")}</a>
    <nav class="rail" aria-label=${t("navigation")}>
      <a class="brand" href=${HOME} onClick=${(e) => { e.preventDefault(); go("inbox"); }}><img src="/static/shared/icon.svg" alt="" width="30" height="30" /><span>Tandem</span></a>
      <ul class="wide-only">${places.map(link)}</ul>
      <ul class="narrow-only">${places.slice(0, ON_PHONE).map(link)}
        <li><button aria-current=${places.indexOf(here) >= ON_PHONE ? "page" : null} onClick=${() => setOpen("menu")}><span class="glyph"><${Icon} name="more" size=${21} /></span><span class="label">${t("more")}</span></button></li></ul>
      <div class="rail-foot wide-only"><p class=${`pulse ${connected ? "on" : ""}`} role="status"><i aria-hidden="true" />${t(connected ? "live" : "notLive")}</p>
        <button class="who" onClick=${() => setOpen("menu")} aria-label=${`${t("menu")}: ${me.name}`}><${Avatar} name=${me.name} /><span><strong>${me.name}</strong><small>${t(`role_${me.role}`)}</small></span><${Icon} name="more" size=${18} /></button></div>
    </nav>
    <main id="content" tabindex="-1">
      ${!connected && html`<p class="banner narrow-only" role="status">${t("notLive")}</p>`}
      <${View} key=${here[0]} path=${path.slice(1)} go=${(...rest) => go(here[0], ...rest)} />
    </main>
    ${open === "menu" && html`<${Menu} shell=${shell} places=${places.slice(ON_PHONE)} onClose=${() => setOpen(null)} onShortcuts=${() => setOpen("shortcuts")} onPassword=${() => setOpen("password")} />`}
    ${open === "shortcuts" && html`<${Shortcuts} onClose=${() => setOpen(null)} />`}
    ${open === "password" && html`<${ChangePassword} onClose=${() => setOpen(null)} />`}
  </div>`;
}

function App() {
  const [language, setLanguage] = useState(initialLanguage);
  const [theme, setTheme] = useState(window.tandemTheme.current());
  const [sound, setSound] = useState(read("tandem-sound") === "on");
  const [me, setMe] = useState(undefined);
  const [connected, setConnected] = useState(true);
  const [path, go] = usePath();
  const [toasts, addToast, dropToast] = useToasts();
  const feed = useMemo(makeFeed, []);
  const t = useMemo(() => translator(WORDS, language), [language]);
  const sentence = useCallback((error) => {
    const known = error instanceof ApiError && WORDS[`e_${error.code}`];
    // What the gateway says names the field or the thing; ours is only for what it cannot know.
    return known && (!error.message || language === "zh" || error.code === "unavailable") ? t(`e_${error.code}`) : error.message || t("e_internal");
  }, [t]);
  const say = useCallback((text) => addToast({ kind: "good", text }), []);
  const fail = useCallback((error) => addToast({ kind: "bad", text: sentence(error), code: error.code }), [sentence]);

  useEffect(() => keepLanguage(language), [language]);
  useEffect(() => { whenSignedOut(() => setMe(null)); }, []);
  const whoAmI = () => api.get("/session").then(setMe, (error) => {
    if (error.status) setMe(null);
    else setTimeout(whoAmI, 2000);
  });
  useEffect(() => { whoAmI(); }, []);
  useEffect(() => (me ? followEvents(feed.item, feed.open, setConnected) : undefined), [me?.id]);

  const shell = {
    t, language, setLanguage, theme, sound, me, path, go, connected, feed, say, fail, sentence,
    can: (action) => Boolean(me?.actions.includes(action)),
    flipTheme() { const next = theme === "dark" ? "light" : "dark"; window.tandemTheme.choose(next); setTheme(next); },
    flipSound() { write("tandem-sound", sound ? "off" : "on"); setSound(!sound); },
    signOut: () => api.remove("/session").catch(() => {}).then(() => setMe(null)),
  };

  const signedIn = (who) => { setMe(who); if (path[0] === "welcome") { history.replaceState(null, "", HOME); go("inbox"); } };
  const view = path[0] === "welcome" && !me
    ? html`<${Welcome} onDone=${signedIn} onSignIn=${() => go()} />`
    : me === undefined ? html`<${Loading} />`
      : me === null ? html`<${SignIn} onDone=${signedIn} />`
        : html`<${Shell} shell=${shell} />`;
  return html`<${Console.Provider} value=${shell}>${view}<${Toasts} toasts=${toasts} drop=${dropToast} t=${t} /><//>`;
}

render(html`<${App} />`, document.getElementById("app"));
