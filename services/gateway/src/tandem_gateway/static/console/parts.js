// The building blocks of every view.
import { html, useEffect, useLayoutEffect, useRef, useState } from "../shared/ui.js";
import { Icon } from "../shared/icons.js";
import { useConsole } from "./context.js";

export function Button({ icon, kind = "plain", busy, children, label, ...rest }) {
  return html`<button type="button" class=${`button ${kind} ${children ? "" : "only"}`} disabled=${busy || rest.disabled}
    aria-label=${label} title=${label} aria-busy=${busy ? "true" : null} ...${rest}>
    ${icon && html`<${Icon} name=${icon} size=${18} />`}${children && html`<span>${children}</span>`}</button>`;
}

// Runs something that takes time: while it runs the button is busy, what goes wrong becomes a toast.
export function useAction() {
  const { fail } = useConsole();
  const [busy, setBusy] = useState(false);
  const run = async (work, onError) => {
    if (busy) return undefined;
    setBusy(true);
    try {
      return await work();
    } catch (error) {
      if (!onError?.(error)) fail(error);
      return undefined;
    } finally {
      setBusy(false);
    }
  };
  return [busy, run];
}

export function Page({ title, lead, actions, children, wide }) {
  return html`<section class=${`page ${wide ? "wide" : ""}`} aria-labelledby="page-title">
    <header class="page-head"><div><h1 id="page-title">${title}</h1>${lead && html`<p class="lead">${lead}</p>`}</div>
      ${actions && html`<div class="actions">${actions}</div>`}</header>
    ${children}</section>`;
}

export function Empty({ icon, title, children, action }) {
  return html`<div class="empty"><${Icon} name=${icon} size=${36} /><h2>${title}</h2><p>${children}</p>${action}</div>`;
}

export function Loading() {
  const { t } = useConsole();
  return html`<div class="loading" role="status"><span class="spinner" aria-hidden="true" /><span class="sr">${t("loading")}</span></div>`;
}

export function Trouble({ error, again }) {
  const { t, sentence } = useConsole();
  return html`<div class="trouble" role="alert"><${Icon} name="alert" /><div><strong>${t("notLoaded")}</strong>
    <p>${sentence(error)} <code>${error.code}</code></p></div><${Button} icon="replay" onClick=${again}>${t("tryAgain")}<//></div>`;
}

// What is loaded, or why not.
export function Loaded({ of, children }) {
  if (of.value !== undefined) return children(of.value);
  return of.error ? html`<${Trouble} error=${of.error} again=${of.again} />` : html`<${Loading} />`;
}

export function Modal({ title, onClose, children, foot, wide }) {
  const { t } = useConsole();
  const dialog = useRef(null);
  useLayoutEffect(() => { dialog.current.showModal(); }, []);
  const onCancel = (event) => { event.preventDefault(); onClose(); };
  return html`<dialog ref=${dialog} class=${wide ? "wide" : ""} aria-labelledby="dialog-title" onCancel=${onCancel}
      onMouseDown=${(e) => { if (e.target === dialog.current) onClose(); }}>
    <div class="dialog"><header><h2 id="dialog-title">${title}</h2><${Button} icon="close" kind="ghost" label=${t("close")} onClick=${onClose} /></header>
    <div class="dialog-body">${children}</div>${foot && html`<footer>${foot}</footer>`}</div></dialog>`;
}

export function Confirm({ title, children, verb, onYes, onClose, busy }) {
  const { t } = useConsole();
  return html`<${Modal} title=${title} onClose=${onClose} foot=${html`<${Button} onClick=${onClose}>${t("cancel")}<//>
    <${Button} kind="danger" busy=${busy} onClick=${onYes}>${verb}<//>`}>${children}<//>`;
}

let counter = 0;
export function useId(prefix) {
  const ref = useRef(null);
  if (!ref.current) ref.current = `${prefix}-${++counter}`;
  return ref.current;
}

// A labelled input. `error` is shown under it and tied to it.
export function Field({ label, help, error, required, children }) {
  const id = useId("field");
  const described = [help && `${id}-help`, error && `${id}-error`].filter(Boolean).join(" ") || null;
  const input = children({ id, "aria-describedby": described, "aria-invalid": error ? "true" : null, "aria-required": required ? "true" : null });
  return html`<div class=${`field ${error ? "wrong" : ""}`}><label for=${id} class=${required ? "must" : ""}>${label}</label>
    ${input}${help && html`<p class="help" id=${`${id}-help`}>${help}</p>`}${error && html`<p class="error" id=${`${id}-error`}>${error}</p>`}</div>`;
}

export function TextField({ label, help, error, required, value, onValue, type = "text", ...rest }) {
  return html`<${Field} ...${{ label, help, error, required }}>${(aria) => html`<input type=${type} value=${value ?? ""} onInput=${(e) => onValue(e.target.value)} ...${aria} ...${rest} />`}<//>`;
}

export function AreaField({ label, help, error, required, value, onValue, ...rest }) {
  return html`<${Field} ...${{ label, help, error, required }}>${(aria) => html`<textarea rows="3" value=${value ?? ""} onInput=${(e) => onValue(e.target.value)} ...${aria} ...${rest}></textarea>`}<//>`;
}

export function SelectField({ label, help, error, value, onValue, options, ...rest }) {
  return html`<${Field} ...${{ label, help, error }}>${(aria) => html`<select value=${value} onChange=${(e) => onValue(e.target.value)} ...${aria} ...${rest}>
    ${options.map(([key, name]) => html`<option value=${key} selected=${key === value}>${name}</option>`)}</select>`}<//>`;
}

export function Switch({ label, help, checked, onValue, disabled }) {
  const id = useId("switch");
  return html`<div class="switch-row"><div><label for=${id}>${label}</label>${help && html`<p class="help">${help}</p>`}</div>
    <input id=${id} class="switch" type="checkbox" role="switch" checked=${checked} disabled=${disabled} onChange=${(e) => onValue(e.target.checked)} /></div>`;
}

export function Choices({ label, value, onValue, options }) {
  const flip = (key) => onValue(value.includes(key) ? value.filter((one) => one !== key) : [...value, key]);
  return html`<fieldset class="choices"><legend>${label}</legend>${options.map(([key, name]) => html`<label class="choice">
    <input type="checkbox" checked=${value.includes(key)} onChange=${() => flip(key)} /><span>${name}</span></label>`)}</fieldset>`;
}

export function Tabs({ label, value, onValue, options }) {
  const onKey = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = options.findIndex(([key]) => key === value);
    onValue(options[(at + step + options.length) % options.length][0]);
    requestAnimationFrame(() => event.currentTarget?.querySelector("[aria-selected=true]")?.focus());
  };
  return html`<div class="tabs" role="tablist" aria-label=${label} onKeyDown=${onKey}>${options.map(([key, name, count]) => html`<button type="button" role="tab"
    aria-selected=${key === value ? "true" : "false"} tabindex=${key === value ? 0 : -1} onClick=${() => onValue(key)}>${name}${count > 0 && html` <span class="count">${count}</span>`}</button>`)}</div>`;
}

export function Badge({ kind = "plain", children, ...rest }) {
  return html`<span class=${`badge ${kind}`} ...${rest}>${children}</span>`;
}

export function Copy({ text }) {
  const { t } = useConsole();
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return undefined;
    const timer = setTimeout(() => setDone(false), 2000);
    return () => clearTimeout(timer);
  }, [done]);
  const copy = async () => {
    try { await navigator.clipboard.writeText(text); }
    catch {
      const area = Object.assign(document.createElement("textarea"), { value: text });
      (document.querySelector("dialog[open]") || document.body).append(area);
      area.select(); document.execCommand("copy"); area.remove();
    }
    setDone(true);
  };
  return html`<div class="copy"><code tabindex="0">${text}</code><${Button} icon=${done ? "check" : "copy"} onClick=${copy}>${done ? t("copied") : t("copy")}<//></div>`;
}

export function Avatar({ name, kind = "user" }) {
  const text = (name || "?").trim();
  const hue = [...text].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 8, 7);
  return html`<span class=${`avatar ${kind} hue${hue}`} aria-hidden="true">${kind === "bot" ? html`<${Icon} name="bot" size=${17} />` : [...text][0].toUpperCase()}</span>`;
}
