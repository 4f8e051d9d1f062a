import { html, render, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../shared/ui.js";
import { Icon } from "../shared/icons.js";
import { Said } from "../shared/components.js";
import { clockTime, dayName, initialLanguage, keepLanguage, read, sameDay, translator, write } from "../shared/language.js";
import { Line, Log } from "./line.js";
import { WORDS } from "./words.js";

const BOT = decodeURIComponent(location.pathname.split("/")[2] || "");
const EMBEDDED = new URLSearchParams(location.search).has("embed");
const TYPING_MS = 8000;
const MEGABYTE = 1048576;

// The bot's colour, with black or white on it, whichever can be read.
function paint(colour) {
  const parts = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(colour || "");
  if (!parts) return;
  const [r, g, b] = parts.slice(1).map((hex) => parseInt(hex, 16) / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  const light = 0.2126 * r + 0.7152 * g + 0.0722 * b;
  const style = document.documentElement.style;
  style.setProperty("--accent", colour);
  style.setProperty("--accent-strong", colour);
  style.setProperty("--on-accent", light > 0.18 ? "#111111" : "#ffffff");
}

function toParent(message) {
  if (parent !== window) parent.postMessage({ source: "tandem-chat", ...message }, "*");
}

function useChat() {
  const [, redraw] = useState(0);
  const chat = useMemo(() => {
    const log = new Log();
    const chat = { log, typing: null, arrived: 0 };
    let scheduled = false;
    const draw = () => {
      if (scheduled) return;
      scheduled = true;
      // Hidden pages get no animation frames, but must still count what is new.
      setTimeout(() => { scheduled = false; redraw((n) => n + 1); }, 16);
    };
    chat.line = new Line(BOT, {
      change: draw,
      reset() { log.clear(); draw(); },
      frames(frames) {
        for (const frame of frames) {
          log.take(frame);
          if (frame.author?.kind !== "user") { chat.typing = null; chat.arrived += frame.kind === "message" ? 1 : 0; }
        }
        draw();
      },
      typing(frame) {
        clearTimeout(chat.typingTimer);
        chat.typing = frame.typing ? frame : null;
        chat.typingTimer = setTimeout(() => { chat.typing = null; draw(); }, TYPING_MS);
        draw();
      },
    });
    return chat;
  }, []);
  useEffect(() => { chat.line.open(); }, []);
  return chat;
}

function useUnread(arrived, title) {
  const seen = useRef(null);
  useEffect(() => {
    // The history that comes at the start is not news.
    const timer = setTimeout(() => { if (seen.current === null) seen.current = arrived; }, 1500);
    return () => clearTimeout(timer);
  }, [arrived]);
  useEffect(() => {
    const show = () => {
      if (!document.hidden && !EMBEDDED) seen.current = seen.current === null ? null : arrived;
      const count = seen.current === null ? 0 : arrived - seen.current;
      document.title = count > 0 && document.hidden ? `(${count}) ${title}` : title;
      toParent({ type: "arrived", count: arrived, live: seen.current !== null });
    };
    show();
    document.addEventListener("visibilitychange", show);
    return () => document.removeEventListener("visibilitychange", show);
  }, [arrived, title]);
}

function Bubble({ message, previous, t, language, children }) {
  const mine = message.author.kind === "user";
  const follows = previous && previous.author.kind === message.author.kind
    && previous.author.id === message.author.id && new Date(message.time) - new Date(previous.time) < 180000;
  const kind = message.author.kind === "human" ? t("human") : t("machine");
  return html`<div class=${`row ${mine ? "mine" : "theirs"} ${follows ? "follows" : ""}`}>
    ${!mine && !follows && html`<div class="who">${message.author.name || (message.author.kind === "human" ? t("somebody") : BOT)}
      <span class="tag">${kind}</span></div>`}
    <div class=${`bubble ${message.growing !== undefined ? "growing" : ""} ${message.deleted ? "gone" : ""}`}>
      ${mine && html`<span class="sr">${t("you")}: </span>`}
      ${message.deleted ? html`<p>${t("removed")}</p>` : html`<${Said} components=${message.components} t=${t} />`}
    </div>
    <div class="under">${children || html`<time datetime=${message.time}>${clockTime(message.time, language)}</time>`}
      ${message.edited && html`<span>${t("edited")}</span>`}</div>
  </div>`;
}

function Pending({ item, line, t, language, previous }) {
  const message = { ...item, author: { kind: "user" } };
  const state = item.error ? "failed" : item.kept ? "sent" : line.state === "online" ? "sending" : "waiting";
  return html`<${Bubble} message=${message} previous=${previous} t=${t} language=${language}>
    <span class=${`state ${state}`}><${Icon} name=${{ failed: "alert", sent: "check" }[state] || "clock"} size=${13} /> ${t(state)}</span>
    ${item.error && html`<span class="sr">${item.error.message}</span>
      <button class="text" onClick=${() => line.again(item.id)}>${t("again")}</button>
      <button class="text" onClick=${() => line.drop(item.id)}>${t("discard")}</button>`}
  <//>`;
}

function Messages({ chat, about, t, language }) {
  const box = useRef(null);
  const [stuck, setStuck] = useState(true);
  const messages = chat.log.list();
  const stored = new Set(messages.map((m) => m.client_id).filter(Boolean));
  const pending = chat.line.unsent.filter((item) => !stored.has(item.id));
  const welcome = language === "zh" ? about.welcome_zh || about.welcome : about.welcome;
  const toEnd = () => { if (box.current) box.current.scrollTop = box.current.scrollHeight; };
  useLayoutEffect(() => { if (stuck) toEnd(); });
  useEffect(() => {
    const watch = new ResizeObserver(() => { if (stuck) toEnd(); });
    watch.observe(box.current);
    return () => watch.disconnect();
  }, [stuck]);
  const onScroll = () => {
    const { scrollTop, scrollHeight, clientHeight } = box.current;
    setStuck(scrollHeight - scrollTop - clientHeight < 80);
  };
  let previous = null;
  return html`<div class="scroll" ref=${box} onScroll=${onScroll} tabindex="0" aria-label=${t("conversation")}>
    <div class="log" role="log" aria-live="polite" aria-relevant="additions" aria-label=${t("conversation")}>
      ${welcome && html`<div class="row theirs"><div class="bubble welcome"><${Said} components=${[{ kind: "text", text: welcome }]} t=${t} /></div></div>`}
      ${!welcome && !messages.length && !pending.length && chat.line.state === "online" && html`<p class="empty">${t("empty")}</p>`}
      ${messages.map((message) => {
        const before = previous;
        previous = message;
        const day = !before || !sameDay(before.time, message.time);
        return html`<div key=${message.id}>${day && html`<div class="day"><span>${dayName(message.time, language, t("today"), t("yesterday"))}</span></div>`}
          <${Bubble} message=${message} previous=${day ? null : before} t=${t} language=${language} /></div>`;
      })}
      ${pending.map((item) => { const before = previous; previous = { ...item, author: { kind: "user" } }; return html`<${Pending} key=${item.id} item=${item} line=${chat.line} t=${t} language=${language} previous=${before} />`; })}
    </div>
    ${chat.typing && html`<div class="row theirs typing" role="status"><div class="bubble"><span class="dots" aria-hidden="true"><i /><i /><i /></span>
      <span class="sr">${t("writing", { who: chat.typing.who || t("somebody") })}</span></div></div>`}
    ${!stuck && html`<button class="newer" onClick=${() => { setStuck(true); toEnd(); }}><${Icon} name="down" size=${16} /> ${t("newer")}</button>`}
  </div>`;
}

async function uploaded(file) {
  const answer = await fetch(`/chat/${BOT}/media`, { method: "POST", body: file, headers: { "Content-Type": "application/octet-stream" } });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error?.message || answer.statusText);
  return body;
}

function Composer({ line, about, t }) {
  const key = `tandem-chat:${BOT}:draft`;
  const [text, setText] = useState(() => read(key) || "");
  const [picture, setPicture] = useState(null);
  const [trouble, setTrouble] = useState("");
  const [dropping, setDropping] = useState(false);
  const area = useRef(null), chooser = useRef(null);

  useLayoutEffect(() => {
    const it = area.current;
    it.style.height = "auto";
    it.style.height = `${Math.min(it.scrollHeight, 160)}px`;
  }, [text]);
  useEffect(() => { write(key, text || null); }, [text]);

  async function add(file) {
    setTrouble("");
    if (!/^image\/(png|jpeg|gif|webp)$/.test(file.type)) return setTrouble(t("notPicture"));
    if (file.size > about.upload_bytes) return setTrouble(t("tooLarge", { size: Math.floor(about.upload_bytes / MEGABYTE) }));
    const preview = URL.createObjectURL(file);
    setPicture({ preview });
    try {
      const kept = await uploaded(file);
      setPicture({ preview, kept, name: file.name });
    } catch {
      setPicture(null);
      setTrouble(t("uploadFailed"));
    }
    area.current?.focus();
  }

  function send(event) {
    event?.preventDefault();
    const said = text.trim();
    if ((!said && !picture) || (picture && !picture.kept)) return;
    const components = [];
    if (said) components.push({ kind: "text", text: said });
    if (picture) components.push({ kind: "image", media: picture.kept.media, mime: picture.kept.mime, size_bytes: picture.kept.size_bytes, name: picture.name });
    line.say(components);
    setText("");
    setPicture(null);
    area.current?.focus();
  }

  useEffect(() => {
    const over = (event) => { if (event.dataTransfer?.types.includes("Files")) { event.preventDefault(); setDropping(true); } };
    const leave = (event) => { if (!event.relatedTarget) setDropping(false); };
    const drop = (event) => { event.preventDefault(); setDropping(false); const file = event.dataTransfer?.files[0]; if (file) add(file); };
    addEventListener("dragover", over); addEventListener("dragleave", leave); addEventListener("drop", drop);
    return () => { removeEventListener("dragover", over); removeEventListener("dragleave", leave); removeEventListener("drop", drop); };
  }, [t]);

  const onKey = (event) => { if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229) send(event); };
  const onPaste = (event) => { const file = [...event.clipboardData.files][0]; if (file) { event.preventDefault(); add(file); } };
  const can = (text.trim() || picture?.kept) && !(picture && !picture.kept);
  return html`<form class="composer" onSubmit=${send}>
    ${dropping && html`<div class="drop">${t("dropHere")}</div>`}
    ${trouble && html`<p class="trouble" role="alert">${trouble}</p>`}
    ${picture && html`<div class="picked"><img src=${picture.preview} alt=${picture.name || t("image")} />
      ${!picture.kept && html`<span role="status">${t("uploading")}</span>`}
      <button type="button" class="round small" aria-label=${t("removePicture")} onClick=${() => setPicture(null)}><${Icon} name="close" size=${14} /></button></div>`}
    <div class="field">
      <button type="button" class="round" aria-label=${t("attach")} title=${t("attach")} onClick=${() => chooser.current.click()}><${Icon} name="clip" /></button>
      <input ref=${chooser} type="file" accept="image/png,image/jpeg,image/gif,image/webp" hidden onChange=${(e) => { if (e.target.files[0]) add(e.target.files[0]); e.target.value = ""; }} />
      <textarea ref=${area} rows="1" maxlength="20000" aria-label=${t("write")} placeholder=${about.placeholder || t("write")} value=${text}
        onInput=${(e) => setText(e.target.value)} onKeyDown=${onKey} onPaste=${onPaste} enterkeyhint="send"></textarea>
      <button class="round go" aria-label=${t("send")} title=${t("send")} disabled=${!can}><${Icon} name="send" /></button>
    </div>
  </form>`;
}

function App() {
  const [language, setLanguage] = useState(initialLanguage);
  const [about, setAbout] = useState(null);
  const [theme, setTheme] = useState(window.tandemTheme.current());
  const t = useMemo(() => translator(WORDS, language), [language]);
  const chat = useChat();
  const state = about === false ? "gone" : chat.line.state;
  const name = about ? (language === "zh" && about.title_zh) || about.title || about.name : t("title");
  useEffect(() => keepLanguage(language), [language]);
  useEffect(() => {
    fetch(`/chat/${BOT}/about`).then((r) => (r.ok ? r.json() : r.status === 404 ? false : {})).catch(() => ({}))
      .then((found) => { setAbout(found); if (found) paint(found.colour); });
  }, []);
  useUnread(chat.arrived, name);
  useEffect(() => {
    const onKey = (event) => { if (event.key === "Escape" && EMBEDDED) toParent({ type: "close" }); };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  const flip = () => { const next = theme === "dark" ? "light" : "dark"; window.tandemTheme.choose(next); setTheme(next); };
  const status = { online: t("online"), connecting: t("connecting"), offline: t("offline"), gone: t("gone") }[state];
  return html`<main class=${`chat ${EMBEDDED ? "embedded" : ""}`}>
    <header>
      <div class="face" aria-hidden="true">${(name || "?").trim().charAt(0).toUpperCase()}</div>
      <div class="names"><h1>${name}</h1><p class=${`status ${state}`} role="status"><i aria-hidden="true" />${status}</p></div>
      <button class="text" lang=${language === "zh" ? "en" : "zh-CN"} onClick=${() => setLanguage(language === "zh" ? "en" : "zh")}>${t("language")}</button>
      <button class="round" aria-label=${t("theme")} title=${t("theme")} onClick=${flip}><${Icon} name=${theme === "dark" ? "sun" : "moon"} size=${18} /></button>
      ${EMBEDDED && html`<button class="round" aria-label=${t("close")} title=${t("close")} onClick=${() => toParent({ type: "close" })}><${Icon} name="close" size=${18} /></button>`}
    </header>
    ${state === "gone"
      ? html`<div class="nothing"><${Icon} name="chats" size=${40} /><h2>${t("gone")}</h2><p>${t("goneHelp")}</p></div>`
      : html`<${Messages} chat=${chat} about=${about || {}} t=${t} language=${language} />
        <${Composer} line=${chat.line} about=${{ upload_bytes: 10 * MEGABYTE, ...about }} t=${t} />`}
  </main>`;
}

render(html`<${App} />`, document.getElementById("app"));
