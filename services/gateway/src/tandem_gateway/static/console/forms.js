// Forms drawn from a JSON Schema, and the editor of handlers.
import { html, useEffect, useState } from "../shared/ui.js";
import { useConsole } from "./context.js";
import { AreaField, SelectField, Switch, TextField } from "./parts.js";

export const MASK = "********";
const LONG = 300;

const word = (schema, name, language) => (language === "zh" && schema[`${name}_zh`]) || schema[name] || "";

function Secret({ label, help, error, required, value, onValue }) {
  const { t } = useConsole();
  const kept = value === MASK;
  return html`<${TextField} label=${label} type="password" autocomplete="new-password" spellcheck="false" required=${required} error=${error}
    help=${kept ? t("secretKept") : help} value=${kept ? "" : value} placeholder=${kept ? MASK : ""} onValue=${(text) => onValue(text || (kept ? MASK : ""))} />`;
}

// What cannot be drawn as a simple field is edited as JSON.
function Json({ label, help, error, value, onValue }) {
  const { t } = useConsole();
  const [text, setText] = useState(() => (value === undefined ? "" : JSON.stringify(value, null, 2)));
  const [wrong, setWrong] = useState("");
  const edit = (next) => {
    setText(next);
    try { setWrong(""); onValue(next.trim() ? JSON.parse(next) : undefined); }
    catch (problem) { setWrong(t("badJson", { why: problem.message })); }
  };
  return html`<${AreaField} label=${label} help=${help} error=${wrong || error} value=${text} onValue=${edit} class="mono" spellcheck="false" />`;
}

function Property({ name, schema, value, onValue, error, required }) {
  const { language } = useConsole();
  const label = word(schema, "title", language) || name;
  const help = word(schema, "description", language);
  const shared = { label, help, error, required };
  const type = Array.isArray(schema.type) ? schema.type.find((one) => one !== "null") : schema.type;
  if (schema.secret) return html`<${Secret} ...${shared} value=${value} onValue=${onValue} />`;
  if (schema.enum) {
    const names = (language === "zh" && schema.enum_titles_zh) || schema.enum_titles || [];
    const options = schema.enum.map((one, i) => [String(one), names[i] || String(one)]);
    return html`<${SelectField} ...${shared} value=${String(value ?? schema.default ?? "")} options=${required || schema.default !== undefined ? options : [["", "–"], ...options]}
      onValue=${(text) => onValue(schema.enum.find((one) => String(one) === text))} />`;
  }
  if (type === "boolean") return html`<${Switch} label=${label} help=${error || help} checked=${value ?? schema.default ?? false} onValue=${onValue} />`;
  if (type === "integer" || type === "number")
    return html`<${TextField} ...${shared} type="number" inputmode="decimal" min=${schema.minimum} max=${schema.maximum} step=${type === "integer" ? 1 : "any"} value=${value ?? ""}
      placeholder=${schema.default ?? ""} onValue=${(text) => onValue(text === "" ? undefined : Number(text))} />`;
  if (type === "array" && (schema.items?.type || "string") === "string")
    return html`<${AreaField} ...${shared} value=${(value || []).join("\n")} onValue=${(text) => onValue(text ? text.split("\n") : undefined)} />`;
  if (type === "string" && (schema.format === "textarea" || schema.maxLength > LONG))
    return html`<${AreaField} ...${shared} value=${value} placeholder=${schema.default ?? ""} onValue=${(text) => onValue(text || undefined)} />`;
  if (type === "string")
    return html`<${TextField} ...${shared} value=${value} placeholder=${schema.default ?? ""} onValue=${(text) => onValue(text || undefined)} />`;
  return html`<${Json} ...${shared} value=${value} onValue=${onValue} />`;
}

export function SchemaForm({ schema, value, onValue, errors }) {
  const { t } = useConsole();
  const names = Object.keys(schema?.properties || {});
  if (!schema) return html`<${Json} label=${t("settings")} help=${t("unknownPlatform")} value=${value} onValue=${(next) => onValue(next || {})} error=${errors.settings} />`;
  if (!names.length) return html`<p class="help">${t("noSettings")}</p>`;
  const set = (name) => (next) => {
    const changed = { ...value };
    if (next === undefined) delete changed[name];
    else changed[name] = next;
    onValue(changed);
  };
  return html`<div class="stack">${names.map((name) => html`<${Property} key=${name} name=${name} schema=${schema.properties[name]} value=${value[name]} onValue=${set(name)}
    error=${errors[`settings.${name}`]} required=${(schema.required || []).includes(name)} />`)}</div>`;
}

// Arrays lose their empty lines only when they are sent, so that one can type them.
export function tidy(settings) {
  const cleaned = Object.entries(settings).map(([name, value]) => [name, Array.isArray(value) ? value.filter((one) => one !== "") : value]);
  return Object.fromEntries(cleaned.filter(([, value]) => value !== undefined));
}

// kind, then its fields: name, how it is drawn, help, what stands there when nothing is given
const HANDLERS = {
  human: [
    ["acknowledge", "area", "acknowledgeHelp"], ["remind_every_s", "number", null, 180], ["remind_times", "number", null, 5], ["fallback_after_s", "number", null, 1800],
    ["fallback", ["text", "error"], null, "text", "fb_"], ["fallback_text", "area", null, "Nobody could answer in time. Please try again later."], ["while_open", ["merge", "queue", "separate"], null, "merge", "wo_"],
  ],
  webhook: [
    ["url", "text"], ["secret", "secret", "secretHelp"], ["format", ["tandem", "langbot"], null, "tandem", ""], ["timeout_s", "number", null, 10], ["max_attempts", "number", null, 8], ["headers", "headers", "headersHelp"],
  ],
  echo: [["prefix", "text"], ["stream", "switch"], ["delay_ms", "number", null, 0]],
  discard: [],
};

function Headers({ label, help, error, value, onValue }) {
  const [text, setText] = useState(() => Object.entries(value || {}).map(([name, one]) => `${name}: ${one}`).join("\n"));
  const edit = (next) => {
    setText(next);
    const pairs = next.split("\n").map((line) => line.split(/:(.*)/s)).filter(([name, one]) => name.trim() && one !== undefined);
    onValue(pairs.length ? Object.fromEntries(pairs.map(([name, one]) => [name.trim(), one.trim()])) : undefined);
  };
  return html`<${AreaField} label=${label} help=${help} error=${error} value=${text} onValue=${edit} class="mono" rows="2" />`;
}

function Setting({ of: [name, kind, help, fallback, words], value, onValue, error }) {
  const { t } = useConsole();
  const shared = { label: t(name), help: help && t(help), error };
  if (Array.isArray(kind)) return html`<${SelectField} ...${shared} value=${value ?? fallback} onValue=${onValue} options=${kind.map((one) => [one, words ? t(words + one) : one])} />`;
  if (kind === "switch") return html`<${Switch} label=${shared.label} checked=${value ?? false} onValue=${onValue} />`;
  if (kind === "secret") return html`<${Secret} ...${shared} value=${value} onValue=${(text) => onValue(text || undefined)} />`;
  if (kind === "headers") return html`<${Headers} ...${shared} value=${value} onValue=${onValue} />`;
  if (kind === "number") return html`<${TextField} ...${shared} type="number" inputmode="decimal" value=${value ?? ""} placeholder=${String(fallback ?? "")} onValue=${(text) => onValue(text === "" ? undefined : Number(text))} />`;
  const Kind = kind === "area" ? AreaField : TextField;
  return html`<${Kind} ...${shared} value=${value} placeholder=${fallback || ""} rows="2" onValue=${(text) => onValue(text || undefined)} />`;
}

export function HandlerEditor({ value, onValue, errors, at }) {
  const { t } = useConsole();
  const [kept, setKept] = useState({ [value.kind]: value.config });
  useEffect(() => setKept((all) => ({ ...all, [value.kind]: value.config })), [value]);
  const set = (name) => (next) => {
    const config = { ...value.config };
    if (next === undefined) delete config[name];
    else config[name] = next;
    onValue({ ...value, config });
  };
  return html`<div class="stack">
    <fieldset class="kinds"><legend class="sr">${t("handler")}</legend>${Object.keys(HANDLERS).map((kind) => html`<label class=${`kind-choice ${kind === value.kind ? "on" : ""}`}>
      <input type="radio" name=${at} value=${kind} checked=${kind === value.kind} onChange=${() => onValue({ kind, config: kept[kind] || {} })} />
      <strong>${t(`h_${kind}`)}</strong><span>${t(`hh_${kind}`)}</span></label>`)}</fieldset>
    <div class="grid" key=${value.kind}>${HANDLERS[value.kind].map((of) => html`<${Setting} key=${of[0]} of=${of} value=${value.config[of[0]]} onValue=${set(of[0])} error=${errors[`${at}.config.${of[0]}`]} />`)}</div>
  </div>`;
}
