import { html, useCallback, useEffect, useLayoutEffect, useRef, useState } from "../shared/ui.js";
import { Icon } from "../shared/icons.js";
import { dateTime, freshId, read, write } from "../shared/language.js";
import { api } from "./api.js";
import { useConsole, useDemoChat, useLive, useLoad, useNow } from "./context.js";
import { Avatar, Badge, Button, Confirm, Empty, Loaded, Modal, Tabs, useAction } from "./parts.js";
import { mergePage, TranscriptView } from "./transcript.js";

const OPEN = new Set(["waiting", "claimed", "answering"]);
const LIST = 200;
const WARN_MS = 120000, LATE_MS = 600000;
const UNCERTAIN = new Set(["offline", "timeout", "unavailable"]);
const AGAIN_MS = [700, 2000];
const TYPING_EVERY_MS = 4000, TYPING_SHOWN_MS = 7000;

export function span(ms, t) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return t("seconds", { n: seconds });
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return t("minutes", { n: minutes });
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? t("hours", { n: hours, m: minutes % 60 }) : t("days", { n: Math.floor(hours / 24) });
}

const urgency = (ms) => (ms > LATE_MS ? "bad" : ms > WARN_MS ? "warn" : "ok");
const nameOf = (ticket) => ticket.user?.name || ticket.user?.username || ticket.user?.id || ticket.conversation.chat.name || ticket.conversation.chat.id;

function chime() {
  try {
    const audio = new AudioContext(), now = audio.currentTime;
    for (const [pitch, at] of [[660, 0], [880, 0.12]]) {
      const tone = audio.createOscillator(), volume = audio.createGain();
      tone.frequency.value = pitch;
      volume.gain.setValueAtTime(0.0001, now + at);
      volume.gain.exponentialRampToValueAtTime(0.06, now + at + 0.02);
      volume.gain.exponentialRampToValueAtTime(0.0001, now + at + 0.3);
      tone.connect(volume).connect(audio.destination);
      tone.start(now + at);
      tone.stop(now + at + 0.32);
    }
    setTimeout(() => audio.close(), 800);
  } catch { /* no sound here */ }
}

// How many nobody has taken yet: for the tab and the navigation.
export function useWaitingCount() {
  const { can, sound, me } = useConsole();
  const [count, setCount] = useState(0);
  const again = useCallback(() => {
    if (!can("tickets.read")) return;
    api.get("/tickets", { status: "waiting", limit: LIST }).then((page) => setCount(page.items.length), () => {});
  }, [me.id]);
  const timer = useRef(null);
  useEffect(() => { again(); }, [again]);
  useLive((item) => {
    if (!item.type.startsWith("ticket.") || item.type === "ticket.typing") return;
    if (item.type === "ticket.opened" && sound) chime();
    clearTimeout(timer.current);
    timer.current = setTimeout(again, 150);
  }, again);
  return count;
}

function Card({ ticket, current, now, onOpen, t }) {
  const { me } = useConsole();
  const isOpen = OPEN.has(ticket.state);
  const waited = now - new Date(ticket.opened_at);
  const text = ticket.questions.at(-1)?.text || "";
  const holder = ticket.assignee && (ticket.assignee.id === me.id ? t("youHaveIt") : t("hasIt", { who: ticket.assignee.name }));
  return html`<li><button class="card-row" aria-current=${current ? "true" : null} onClick=${onOpen} data-ticket=${ticket.id}>
    <${Avatar} name=${nameOf(ticket)} /><span class="card-main">
      <span class="card-top"><strong>${nameOf(ticket)}</strong>${isOpen
        ? html`<${Badge} kind=${urgency(waited)} title=${t("waitingFor", { time: span(waited, t) })}><${Icon} name="clock" size=${13} />${span(waited, t)}<//>`
        : html`<${Badge}>${t(`s_${ticket.state}`)}<//>`}</span>
      <span class="card-text">${text}</span>
      <span class="card-foot">${ticket.bot}${ticket.questions.length > 1 && html` · ${ticket.questions.length}×`}${holder && html` · <em>${holder}</em>`}</span>
    </span></button></li>`;
}

export function Shortcuts({ onClose }) {
  const { t } = useConsole();
  const rows = [[["j", "k"], "k_move"], [["c"], "k_claim"], [["r"], "k_reply"], [["n"], "k_note"], [["Ctrl", "Enter"], "k_send"], [["Ctrl", "Shift", "Enter"], "k_part"], [["Esc"], "k_leave"], [["?"], "k_help"]];
  return html`<${Modal} title=${t("shortcuts")} onClose=${onClose}><dl class="keys">${rows.map(([keys, word]) => html`<div><dt>${keys.map((key) => html`<kbd>${key}</kbd>`)}</dt><dd>${t(word)}</dd></div>`)}</dl><//>`;
}

const EMPTY = { waiting: ["inbox", "inboxEmpty", "inboxEmptyHelp"], open: ["inbox", "inboxEmpty", "inboxEmptyHelp"], mine: ["hand", "mineEmpty", "mineEmptyHelp"], closed: ["check", "closedEmpty", "closedEmptyHelp"] };

export function Inbox({ path, go }) {
  const { t, me } = useConsole();
  const [filter, setFilter] = useState(read("tandem-inbox-filter") || "waiting");
  const now = useNow(5000);
  const demo = useDemoChat();
  const open = useLoad(() => api.get("/tickets", { status: "open", limit: LIST }).then((page) => page.items), []);
  const closed = useLoad(() => (filter === "closed" ? api.get("/tickets", { status: "closed", limit: LIST }).then((page) => [...page.items].reverse()) : Promise.resolve([])), [filter === "closed"]);
  const timer = useRef(null);
  const again = () => { open.again(); if (filter === "closed") closed.again(); };
  useLive((item) => {
    if (!item.type.startsWith("ticket.") || item.type === "ticket.typing") return;
    clearTimeout(timer.current);
    timer.current = setTimeout(again, 80);
  }, again);
  const all = open.value || [];
  const lists = {
    waiting: all.filter((one) => one.state === "waiting"),
    mine: all.filter((one) => one.assignee?.id === me.id),
    open: all,
    closed: closed.value || [],
  };
  const list = lists[filter] || all;
  const current = path[0];
  const choose = (value) => { setFilter(value); write("tandem-inbox-filter", value); };

  // In the same breath as the drawing: what is on the screen can be done at once.
  useLayoutEffect(() => {
    const onKey = (event) => {
      if (event.target.closest("input, textarea, select, dialog") || event.metaKey || event.ctrlKey || event.altKey) return;
      const step = { j: 1, k: -1 }[event.key];
      if (!step || !list.length) return;
      event.preventDefault();
      const at = list.findIndex((one) => one.id === current);
      const next = list[at < 0 ? 0 : Math.min(list.length - 1, Math.max(0, at + step))];
      go(next.id);
      document.querySelector(`[data-ticket="${next.id}"]`)?.scrollIntoView({ block: "nearest" });
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [list, current]);

  const [icon, title, help] = EMPTY[filter] || EMPTY.open;
  return html`<div class=${`split ${current ? "has-detail" : ""}`}>
    <section class="list-pane" aria-label=${t("inbox")}>
      <header class="pane-head"><h1>${t("inbox")}</h1></header>
      <${Tabs} label=${t("filters")} value=${filter} onValue=${choose} options=${[["waiting", t("f_waiting"), lists.waiting.length], ["mine", t("f_mine"), lists.mine.length], ["open", t("f_open"), lists.open.length], ["closed", t("f_closed")]]} />
      <div class="list-scroll"><${Loaded} of=${filter === "closed" ? closed : open}>${() => (list.length
        ? html`<ul class="cards">${list.map((ticket) => html`<${Card} key=${ticket.id} ticket=${ticket} current=${ticket.id === current} now=${now} t=${t} onOpen=${() => go(ticket.id)} />`)}</ul>`
        : html`<${Empty} icon=${icon} title=${t(title)} action=${icon === "inbox" && demo && html`<a class="button" href=${demo} target="_blank" rel="noopener">${t("openDemo")}</a>`}>${t(help)}<//>`)}<//></div>
    </section>
    <section class="detail-pane" aria-label=${t("details")}>${current
      ? html`<${Ticket} key=${current} id=${current} now=${now} onBack=${() => go()} onDone=${() => { const next = lists.waiting.find((one) => one.id !== current); open.again(); if (filter === "waiting" && next) go(next.id); }} />`
      : html`<${Empty} icon="inbox" title=${t("pickOne")}>${t("pickOneHelp")}<//>`}</section>
  </div>`;
}

function Facts({ ticket, now, t, language }) {
  const left = ticket.fallback_at ? new Date(ticket.fallback_at) - now : null;
  const rows = [
    ["user", nameOf(ticket)], ["userId", ticket.user?.id], ["locale", ticket.user?.locale],
    ["platform", ticket.platform], [ticket.platform === "openai" ? "model" : "bot", ticket.bot], ["chat", `${t(`c_${ticket.conversation.chat.kind}`)} · ${ticket.conversation.chat.name || ticket.conversation.chat.id}`],
    ["rule", ticket.rule], ["opened", dateTime(ticket.opened_at, language)], ["reminders", ticket.reminders || null],
    ["fallbackAt", OPEN.has(ticket.state) && left !== null ? (left > 0 ? t("fallsBackIn", { time: span(left, t) }) : dateTime(ticket.fallback_at, language)) : null],
    ["claimedUntil", ticket.claimed_until && OPEN.has(ticket.state) ? dateTime(ticket.claimed_until, language) : null], ["turn", ticket.turn],
  ];
  return html`<details class="facts"><summary>${t("details")}</summary><dl>${rows.filter(([, value]) => value).map(([word, value]) => html`<div><dt>${t(word)}</dt><dd>${value}</dd></div>`)}</dl></details>`;
}

function useTranscript(conversation) {
  const loaded = useLoad(() => (conversation ? api.get(`/conversations/${conversation}/messages`, { limit: 50 }) : new Promise(() => {})), [conversation]);
  const again = useCallback(() => {
    if (conversation) api.get(`/conversations/${conversation}/messages`, { limit: 50 }).then((page) => loaded.set((old) => mergePage(old, page)), () => {});
  }, [conversation]);
  const earlier = async () => {
    const page = await api.get(`/conversations/${conversation}/messages`, { limit: 50, cursor: loaded.value.next });
    loaded.set((old) => ({ ...old, items: [...page.items, ...old.items], next: page.next }));
  };
  const timer = useRef(null);
  useLive((item) => {
    if (item.data.conversation_id !== conversation || item.type === "ticket.typing") return;
    clearTimeout(timer.current);
    // The router keeps it a moment after it passed.
    timer.current = setTimeout(again, 250);
  }, again);
  return { ...loaded, earlier };
}

function Ticket({ id, now, onBack, onDone }) {
  const { t, me, language, can, say } = useConsole();
  const loaded = useLoad(() => api.get(`/tickets/${id}`), [id]);
  const ticket = loaded.value;
  const talk = useTranscript(ticket?.conversation_id);
  const [busy, run] = useAction();
  const [closing, setClosing] = useState(false);
  const [writing, setWriting] = useState(null);
  const timer = useRef(null);
  const take = (fresh) => loaded.set((old) => (old && fresh.rev < old.rev ? old : fresh));
  useLive((item) => {
    if (item.data.id !== id || !item.type.startsWith("ticket.")) return;
    if (item.type === "ticket.typing") {
      if (item.data.by?.id === me.id) return;
      setWriting(item.data.by);
      clearTimeout(timer.current);
      timer.current = setTimeout(() => setWriting(null), TYPING_SHOWN_MS);
    } else if (!loaded.value || item.data.rev > loaded.value.rev) loaded.again();
  }, loaded.again);
  const act = (op, body) => run(async () => take(await api.post(`/tickets/${id}/${op}`, body)));
  const mine = ticket?.assignee?.id === me.id;
  const isOpen = ticket && OPEN.has(ticket.state);
  const may = can("tickets.answer") && isOpen;

  // In the same breath as the drawing: what is on the screen can be done at once.
  useLayoutEffect(() => {
    const onKey = (event) => {
      if (event.target.closest("input, textarea, select, dialog") || event.metaKey || event.ctrlKey || event.altKey) return;
      if (event.key === "c" && may && !mine) { event.preventDefault(); act("claim", { force: Boolean(ticket.assignee) }); }
      if ((event.key === "r" || event.key === "n") && may) { event.preventDefault(); document.dispatchEvent(new CustomEvent("tandem-write", { detail: event.key === "n" ? "note" : "reply" })); }
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  });

  return html`<${Loaded} of=${loaded}>${() => html`<article class="ticket">
    <header class="ticket-head">
      <span class="narrow-only"><${Button} icon="back" kind="ghost" label=${t("back")} onClick=${onBack} /></span>
      <${Avatar} name=${nameOf(ticket)} />
      <div class="ticket-who"><h2>${nameOf(ticket)}</h2><p>${ticket.bot} · ${ticket.platform}${isOpen ? html` · <span class=${`waited ${urgency(now - new Date(ticket.opened_at))}`}>${t("waitingFor", { time: span(now - new Date(ticket.opened_at), t) })}</span>` : html` · ${t(`s_${ticket.state}`)}`}</p></div>
      <div class="actions">
        ${isOpen && ticket.assignee && html`<${Badge} kind=${mine ? "ok" : "warn"}>${mine ? t("youHaveIt") : t("hasIt", { who: ticket.assignee.name })}<//>`}
        ${may && !mine && html`<${Button} icon="hand" kind=${ticket.assignee ? "plain" : "primary"} busy=${busy} onClick=${() => act("claim", { force: Boolean(ticket.assignee) })}>${t(ticket.assignee ? "takeOver" : "claim")}<//>`}
        ${may && mine && html`<${Button} busy=${busy} onClick=${() => act("release")}>${t("release")}<//>`}
        ${may && html`<${Button} kind="ghost" busy=${busy} onClick=${() => setClosing(true)}>${t("closeTicket")}<//>`}
      </div>
    </header>
    <${Facts} ticket=${ticket} now=${now} t=${t} language=${language} />
    ${talk.error && !talk.value && html`<p class="banner">${t("noTranscript")}</p>`}
    <${TranscriptView} entries=${talk.value?.items || []} ticket=${ticket} more=${talk.value?.next} onMore=${talk.earlier}
      foot=${writing && html`<p class="writing" role="status">${t("isWriting", { who: writing.name })}</p>`} />
    ${may ? html`<${Composer} ticket=${ticket} take=${take} onDone=${(final) => { say(t(final ? "sentFinal" : "sentPart")); if (final) onDone(); }} />`
      : html`<p class="closed-note">${t(isOpen ? "e_forbidden" : "closedNow")}</p>`}
    ${closing && html`<${Confirm} title=${t("closeTicketAsk")} verb=${t("closeTicket")} busy=${busy} onClose=${() => setClosing(false)}
      onYes=${async () => { await act("close"); setClosing(false); onDone(); }}>${t("closeTicketHelp")}<//>`}
  </article>`}<//>`;
}

// The draft and the key of its sending are kept until it is accepted: a retry never says it twice.
function useDraft(ticket, mode) {
  const name = `tandem-draft:${ticket.id}:${mode}`;
  const load = () => { try { return JSON.parse(read(name)) || { text: "", key: freshId() }; } catch { return { text: "", key: freshId() }; } };
  const [draft, setDraft] = useState(load);
  useEffect(() => setDraft(load()), [name]);
  const keep = (next) => { write(name, next.text ? JSON.stringify(next) : null); setDraft(next); };
  return {
    ...draft,
    // Other words are another message, with another key.
    edit: (text) => keep({ text, key: text === draft.text ? draft.key : freshId() }),
    // Only what was sent: words written while it was on its way stay.
    clear: () => {
      if (load().key === draft.key) write(name, null);
      setDraft((now) => (now.key === draft.key ? { text: "", key: freshId() } : now));
    },
  };
}

// It may have arrived although no answer came: the same key again says it once, and gets the answer.
async function surely(work) {
  for (const pause of AGAIN_MS) {
    try { return await work(); }
    catch (error) { if (!UNCERTAIN.has(error.code)) throw error; }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  return work();
}

const spoken = (ticket) => `${ticket.parts.length}/${ticket.questions.length}/${OPEN.has(ticket.state)}`;

function Conflict({ theirs, t, onClose }) {
  const said = theirs.parts.slice(-2);
  return html`<div class="conflict" role="alert"><div><strong>${t("conflictTitle")}</strong><p>${t("conflictHelp")}</p>
    ${said.map((part) => html`<blockquote><strong>${part.author.name || t(`a_${part.author.kind}`)}:</strong> ${part.text}</blockquote>`)}</div>
    <${Button} icon="close" kind="ghost" label=${t("close")} onClick=${onClose} /></div>`;
}

function Composer({ ticket, take, onDone }) {
  const { t, me, fail } = useConsole();
  const [mode, setMode] = useState("reply");
  const draft = useDraft(ticket, mode);
  const [busy, run] = useAction();
  const [conflict, setConflict] = useState(null);
  const area = useRef(null), told = useRef(0);
  const other = ticket.assignee && ticket.assignee.id !== me.id ? ticket.assignee.name : null;

  useLayoutEffect(() => {
    const it = area.current;
    it.style.height = "auto";
    it.style.height = `${Math.min(it.scrollHeight + 2, 260)}px`;
  }, [draft.text, mode]);
  useEffect(() => {
    const onWrite = (event) => { setMode(event.detail); area.current.focus(); };
    document.addEventListener("tandem-write", onWrite);
    return () => document.removeEventListener("tandem-write", onWrite);
  }, []);

  const type = (text) => {
    draft.edit(text);
    const now = Date.now();
    if (mode === "reply" && text && now - told.current > TYPING_EVERY_MS) {
      told.current = now;
      api.post(`/tickets/${ticket.id}/typing`, { typing: true }).catch(() => {});
    }
  };

  const post = (final, rev) => surely(() => api.post(`/tickets/${ticket.id}/reply`, { text: draft.text.trim(), final, expected_rev: rev, idempotency_key: draft.key }));

  async function reply(final) {
    let answered;
    try {
      answered = await post(final, ticket.rev);
    } catch (error) {
      const theirs = error.code === "conflict" && error.details.ticket;
      if (!theirs) throw error;
      take(theirs);
      // Only a reminder or a note came in between: nothing the answer depends on.
      if (spoken(theirs) !== spoken(ticket)) { setConflict(theirs); return; }
      answered = await post(final, theirs.rev);
    }
    setConflict(null);
    draft.clear();
    take(answered);
    told.current = 0;
    onDone(final);
  }

  const note = async () => {
    take(await surely(() => api.post(`/tickets/${ticket.id}/note`, { text: draft.text.trim(), idempotency_key: draft.key })));
    draft.clear();
  };
  const send = (final) => {
    if (!draft.text.trim()) return;
    run(() => (mode === "note" ? note() : reply(final)), (error) => {
      if (!UNCERTAIN.has(error.code)) return false;
      fail(Object.assign(error, { message: t("notSent") }));
      return true;
    });
  };
  const onKey = (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing) { event.preventDefault(); send(!event.shiftKey); }
    else if (event.key === "Escape") area.current.blur();
  };

  return html`<div class=${`composer ${mode}`}>
    ${conflict && html`<${Conflict} theirs=${conflict} t=${t} onClose=${() => setConflict(null)} />`}
    <${Tabs} label=${t("reply")} value=${mode} onValue=${setMode} options=${[["reply", t("reply")], ["note", t("note")]]} />
    ${other && mode === "reply" && html`<p class="other"><${Icon} name="alert" size=${16} /> ${t("claimFirst", { who: other })}</p>`}
    <textarea ref=${area} rows="2" maxlength="50000" aria-label=${t(mode === "note" ? "writeNote" : "writeReply")} placeholder=${t(mode === "note" ? "writeNote" : "writeReply")}
      value=${draft.text} onInput=${(e) => type(e.target.value)} onKeyDown=${onKey}></textarea>
    <div class="composer-foot"><span class="grow" />
      ${mode === "note" ? html`<${Button} icon="note" kind="primary" busy=${busy} disabled=${!draft.text.trim()} onClick=${() => send(false)}>${t("addNote")}<//>`
        : html`<${Button} busy=${busy} disabled=${!draft.text.trim() || other} title=${t("sendPartHelp")} onClick=${() => send(false)}>${t("sendPart")}<//>
          <${Button} icon="send" kind="primary" busy=${busy} disabled=${!draft.text.trim() || other} title=${t("sendHelp")} onClick=${() => send(true)}>${t("send")}<//>`}
    </div></div>`;
}

export { useTranscript };
