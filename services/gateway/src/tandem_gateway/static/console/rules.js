import { html, useEffect, useState } from "../shared/ui.js";
import { Icon } from "../shared/icons.js";
import { api } from "./api.js";
import { useConsole, useLoad } from "./context.js";
import { HandlerEditor } from "./forms.js";
import { byField } from "./bots.js";
import { AreaField, Badge, Button, Choices, Confirm, Empty, Loaded, SelectField, Switch, TextField, useAction } from "./parts.js";

const STEP = 10;
const KINDS = ["private", "group", "channel"];
const PARTS = ["text", "image", "voice", "video", "file", "mention", "quote", "forward", "sticker", "location"];
const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const TEXTS = ["equals", "contains", "starts_with", "regex"];
const EVENTS = ["*", "message.*", "message.received", "message.edited", "message.deleted", "message.reaction", "feedback.received", "interaction.received", "group.*", "group.member_joined", "group.member_left", "friend.*", "friend.request_received", "bot.*", "bot.invited_to_group", "delivery.*"];

const commas = (text) => text.split(",").map((one) => one.trim()).filter(Boolean);
const ordered = (rules) => rules.map((rule, i) => [rule, i]).sort(([a, i], [b, j]) => b.priority - a.priority || i - j).map(([rule]) => rule);

// What is empty need not be sent, and reads better as JSON.
function lean(rule) {
  const when = Object.fromEntries(Object.entries(rule.when).filter(([name, value]) => !(value === null || (Array.isArray(value) && !value.length) || (name === "sample" && value === 1))));
  if (when.text) when.text = Object.fromEntries(Object.entries(when.text).filter(([, value]) => value !== null && value !== false && value !== ""));
  if (when.text && !Object.keys(when.text).length) delete when.text;
  const { bot, created_at, ...rest } = rule;
  return { ...rest, when };
}

function blank(rules) {
  let n = rules.length + 1;
  while (rules.some((rule) => rule.id === `rule-${n}`)) n += 1;
  return { id: `rule-${n}`, enabled: true, description: "", priority: 0, events: ["message.received"], when: {}, handler: { kind: "human", config: {} }, then: "stop" };
}

function summary(rule, t) {
  const said = [];
  const { when } = rule;
  for (const name of TEXTS) if (when.text?.[name]) said.push(`${t("textConditions").replace(/…+/, "").trim()} ${t(name)} “${when.text[name]}”`);
  if (when.chat_kind?.length) said.push(when.chat_kind.map((one) => t(`c_${one}`)).join(" / "));
  if (when.addressed !== undefined && when.addressed !== null) said.push(`${t("addressed")}: ${t(when.addressed ? "yes" : "no")}`);
  for (const [name, word] of [["chat_id", "chatIds"], ["sender_id", "senderIds"], ["thread_id", "threadIds"], ["component", "componentKinds"]]) if (when[name]?.length) said.push(`${t(word)}: ${when[name].join(", ")}`);
  if (when.schedule) said.push(typeof when.schedule === "string" ? t(`sc_${when.schedule}`) : `${when.schedule.start}–${when.schedule.end} ${when.schedule.timezone}`);
  if (when.sample !== undefined && when.sample < 1) said.push(`${Math.round(when.sample * 100)} %`);
  return said.join(" · ") || t("noConditions");
}

export function Rules({ bot, onSaved }) {
  const { t, can, say } = useConsole();
  const loaded = useLoad(() => api.get(`/bots/${bot.id}/rules`), [bot.id]);
  const [draft, setDraft] = useState(null);
  const [raw, setRaw] = useState(null);
  const [open, setOpen] = useState(null);
  const [error, setError] = useState(null);
  const [stale, setStale] = useState(false);
  const [busy, run] = useAction();
  const may = can("rules.write");
  const kept = loaded.value ? ordered(loaded.value.rules).map(lean) : [];
  const rules = draft || kept;
  const edit = (next) => { setDraft(next); setError(null); };
  const change = (at) => (rule) => edit(rules.map((one, i) => (i === at ? rule : one)));
  const move = (at, step) => {
    const next = [...rules];
    [next[at], next[at + step]] = [next[at + step], next[at]];
    edit(next.map((rule, i) => ({ ...rule, priority: (next.length - i) * STEP })));
    setOpen(null);
  };
  const add = () => {
    const next = [...rules, blank(rules)];
    edit(next.map((rule, i) => ({ ...rule, priority: Math.max(rule.priority, 0) || (next.length - i) * STEP })).map((rule, i, all) => (i === all.length - 1 ? { ...rule, priority: Math.min(...all.slice(0, -1).map((r) => r.priority), STEP + 1) - 1 } : rule)));
    setOpen(next.length - 1);
  };
  const undo = () => { setDraft(null); setRaw(null); setError(null); setOpen(null); };
  const toRaw = () => setRaw(JSON.stringify(rules, null, 2));
  const fromRaw = () => {
    try { edit(JSON.parse(raw)); setRaw(null); }
    catch (problem) { setError({ message: t("badJson", { why: problem.message }) }); }
  };
  const save = () => run(async () => {
    let list = rules;
    if (raw !== null) {
      try { list = JSON.parse(raw); } catch (problem) { setError({ message: t("badJson", { why: problem.message }) }); return; }
    }
    const saved = await api.put(`/bots/${bot.id}/rules`, { rules: list }, { rev: loaded.value.rev });
    loaded.set(() => saved);
    undo();
    say(t("saved"));
    onSaved();
  }, (problem) => {
    if (problem.status === 412) { setStale(true); return true; }
    setError(problem);
    const at = /^rules\[(\d+)\]/.exec(problem.field || "");
    if (at && raw === null) setOpen(Number(at[1]));
    return Boolean(problem.field);
  });
  const dirty = draft !== null || raw !== null;
  useEffect(() => {
    if (!dirty) return undefined;
    const warn = (event) => event.preventDefault();
    addEventListener("beforeunload", warn);
    return () => removeEventListener("beforeunload", warn);
  }, [dirty]);

  return html`<${Loaded} of=${loaded}>${() => html`<div class="panels">
    <section class="panel"><div class="panel-head"><p class="lead">${t("rulesLead")}</p><div class="actions">
        <${Button} kind="ghost" onClick=${raw === null ? toRaw : fromRaw}>${t(raw === null ? "rawJson" : "asForm")}<//>
        ${may && raw === null && html`<${Button} icon="plus" onClick=${add}>${t("addRule")}<//>`}</div></div>
      ${error && html`<p class="error box" role="alert">${error.message}</p>`}
      ${raw !== null ? html`<textarea class="mono code" rows="22" spellcheck="false" aria-label=${t("rawJson")} value=${raw} onInput=${(e) => setRaw(e.target.value)}></textarea>`
        : rules.length ? html`<ol class="rules">${rules.map((rule, at) => html`<${RuleRow} key=${`${at}/${open === at}`} rule=${rule} at=${at} last=${at === rules.length - 1} open=${open === at} may=${may}
            onOpen=${() => setOpen(open === at ? null : at)} onChange=${change(at)} onMove=${(step) => move(at, step)} onRemove=${() => { edit(rules.filter((_, i) => i !== at)); setOpen(null); }} error=${error} />`)}</ol>`
          : html`<${Empty} icon="rules" title=${t("rulesEmpty")}>${t("rulesEmptyHelp", { handler: t(`h_${bot.default_handler.kind}`) })}<//>`}
      ${may && dirty && html`<footer class="save-bar"><p>${t("unsaved")}</p><span class="grow" /><${Button} onClick=${undo}>${t("discardChanges")}<//><${Button} kind="primary" busy=${busy} onClick=${save}>${t("saveRules")}<//></footer>`}
    </section>
    <${TestBox} bot=${bot} rules=${draft} />
    ${stale && html`<${Confirm} title=${t("changedElsewhere")} verb=${t("reload")} onYes=${() => { setStale(false); undo(); loaded.again(); }} onClose=${() => setStale(false)} />`}
  </div>`}<//>`;
}

function RuleRow({ rule, at, last, open, may, onOpen, onChange, onMove, onRemove, error }) {
  const { t } = useConsole();
  const wrong = (error?.field || "").startsWith(`rules[${at}]`);
  return html`<li class=${`rule ${rule.enabled ? "" : "off"} ${wrong ? "wrong" : ""}`}>
    <div class="rule-head"><span class="rule-n">${at + 1}</span>
      <button type="button" class="rule-name" aria-expanded=${String(open)} onClick=${onOpen}><strong>${rule.description || rule.id}</strong>
        <span>${rule.events.join(", ")} — ${summary(rule, t)}</span></button>
      <${Badge} kind=${rule.enabled ? "accent" : "plain"}>${rule.enabled ? t(`h_${rule.handler.kind}`) : t("st_disabled")}<//>
      ${may && html`<span class="rule-tools"><${Button} icon="up" kind="ghost" label=${t("moveUp")} disabled=${at === 0} onClick=${() => onMove(-1)} />
        <${Button} icon="down" kind="ghost" label=${t("moveDown")} disabled=${last} onClick=${() => onMove(1)} />
        <${Button} icon="trash" kind="ghost" label=${t("remove")} onClick=${onRemove} /></span>`}</div>
    ${open && html`<${RuleForm} rule=${rule} at=${at} onChange=${onChange} errors=${wrong ? byField(error) : {}} />`}</li>`;
}

function List({ label, value, onValue, help, error, ...rest }) {
  const [text, setText] = useState((value || []).join(", "));
  return html`<${TextField} label=${label} help=${help} error=${error} value=${text} onValue=${(next) => { setText(next); onValue(commas(next)); }} ...${rest} />`;
}

function RuleForm({ rule, at, onChange, errors }) {
  const { t } = useConsole();
  const { when } = rule;
  const base = `rules[${at}]`;
  const set = (name) => (value) => onChange({ ...rule, [name]: value });
  const setWhen = (name) => (value) => {
    const next = { ...when, [name]: value };
    if (value === null || value === undefined || value === "" || (Array.isArray(value) && !value.length)) delete next[name];
    onChange({ ...rule, when: next });
  };
  const setText = (name) => (value) => {
    const text = { ...(when.text || {}), [name]: value };
    if (!value) delete text[name];
    setWhen("text")(Object.keys(text).some((one) => TEXTS.includes(one)) ? text : null);
  };
  const err = (path) => errors[`${base}.${path}`];
  const schedule = when.schedule && typeof when.schedule === "object" ? "custom" : when.schedule || "none";
  const custom = { timezone: Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC", days: DAYS.slice(0, 5), start: "09:00", end: "18:00", negate: false };
  const setSchedule = (kind) => setWhen("schedule")(kind === "none" ? null : kind === "custom" ? custom : kind);
  const setCustom = (name) => (value) => setWhen("schedule")({ ...when.schedule, [name]: value });
  return html`<div class="rule-form">
    <datalist id="event-names">${EVENTS.map((one) => html`<option value=${one} />`)}</datalist>
    <div class="grid"><${TextField} label=${t("ruleId")} value=${rule.id} onValue=${set("id")} error=${err("id")} maxlength="40" spellcheck="false" />
      <${TextField} label=${t("description")} value=${rule.description} onValue=${set("description")} error=${err("description")} maxlength="500" />
      <${List} label=${t("events")} help=${t("eventsHelp")} value=${rule.events} onValue=${set("events")} error=${err("events")} list="event-names" spellcheck="false" />
      <${SelectField} label=${t("then")} value=${rule.then || "stop"} onValue=${set("then")} options=${[["stop", t("th_stop")], ["continue", t("th_continue")]]} /></div>
    <${Switch} label=${t("enabled")} checked=${rule.enabled} onValue=${set("enabled")} />
    <h4>${t("conditions")}</h4>
    <p class="help">${t("textConditions")}</p>
    <div class="grid">${TEXTS.map((name) => html`<${TextField} key=${name} label=${t(name)} value=${when.text?.[name] || ""} onValue=${setText(name)} error=${err(`when.text.${name}`)} spellcheck="false" class=${name === "regex" ? "mono" : ""} />`)}</div>
    ${when.text && html`<${Switch} label=${t("case_sensitive")} checked=${when.text.case_sensitive || false} onValue=${setText("case_sensitive")} />`}
    <${Choices} label=${t("chatKind")} value=${when.chat_kind || []} onValue=${setWhen("chat_kind")} options=${KINDS.map((one) => [one, t(`c_${one}`)])} />
    <${Choices} label=${t("componentKinds")} value=${when.component || []} onValue=${setWhen("component")} options=${PARTS.map((one) => [one, one])} />
    <div class="grid">
      <${SelectField} label=${t("addressed")} value=${when.addressed === undefined || when.addressed === null ? "" : String(when.addressed)} onValue=${(text) => setWhen("addressed")(text === "" ? null : text === "true")} options=${[["", t("any")], ["true", t("yes")], ["false", t("no")]]} />
      <${List} label=${t("senderIds")} help=${t("byComma")} value=${when.sender_id} onValue=${setWhen("sender_id")} error=${err("when.sender_id")} />
      <${List} label=${t("chatIds")} help=${t("byComma")} value=${when.chat_id} onValue=${setWhen("chat_id")} error=${err("when.chat_id")} />
      <${List} label=${t("threadIds")} help=${t("byComma")} value=${when.thread_id} onValue=${setWhen("thread_id")} error=${err("when.thread_id")} />
      <${SelectField} label=${t("schedule")} value=${schedule} onValue=${setSchedule} options=${["none", "business_hours", "off_hours", "custom"].map((one) => [one, t(`sc_${one}`)])} />
      <${TextField} label=${t("sample")} type="number" min="0" max="1" step="0.01" value=${when.sample ?? ""} placeholder="1" onValue=${(text) => setWhen("sample")(text === "" ? null : Number(text))} error=${err("when.sample")} /></div>
    ${schedule === "custom" && html`<div class="inset"><div class="grid">
        <${TextField} label=${t("timezone")} value=${when.schedule.timezone} onValue=${setCustom("timezone")} error=${err("when.schedule.timezone")} spellcheck="false" />
        <${TextField} label=${t("from")} type="time" value=${when.schedule.start} onValue=${setCustom("start")} error=${err("when.schedule.start")} />
        <${TextField} label=${t("until")} type="time" value=${when.schedule.end} onValue=${setCustom("end")} error=${err("when.schedule.end")} /></div>
      <${Choices} label=${t("weekdays")} value=${when.schedule.days} onValue=${setCustom("days")} options=${DAYS.map((one) => [one, t(one)])} />
      <${Switch} label=${t("negate")} checked=${when.schedule.negate} onValue=${setCustom("negate")} /></div>`}
    <h4>${t("handler")}</h4><${HandlerEditor} value=${rule.handler} onValue=${set("handler")} errors=${errors} at=${`${base}.handler`} />
  </div>`;
}

function sampleEvent(bot, text, sender) {
  const hex = [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
  const id = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
  return {
    id, type: "message.received", time: new Date().toISOString(), platform: bot.platform, bot: bot.id, dedupe_key: `test:${id}`,
    conversation: { chat: { id: sender, kind: "private" } }, actor: { id: sender },
    message: { id: "1", components: [{ kind: "text", text }], addressed: true },
  };
}

function TestBox({ bot, rules }) {
  const { t } = useConsole();
  const [text, setText] = useState("");
  const [sender, setSender] = useState("tester");
  const [raw, setRaw] = useState(null);
  const [result, setResult] = useState(null);
  const [wrong, setWrong] = useState("");
  const [busy, run] = useAction();
  const recent = useLoad(() => api.get("/conversations", { bot: bot.id, limit: 20 }).then((page) => page.items, () => []), [bot.id]);
  const test = () => {
    setWrong("");
    let event = sampleEvent(bot, text, sender || "tester");
    if (raw !== null) {
      try { event = JSON.parse(raw); } catch (problem) { return setWrong(t("badJson", { why: problem.message })); }
    }
    return run(async () => setResult(await api.post(`/bots/${bot.id}/rules/test`, { event, ...(rules ? { rules } : {}) })),
      (error) => { setResult(null); setWrong(error.message); return Boolean(error.field); });
  };
  const pick = (id) => {
    const one = (recent.value || []).find((item) => item.id === id);
    if (!one) return;
    setRaw(null);
    setText(one.last_text);
    setSender(one.user?.id || one.conversation.chat.id);
  };
  return html`<section class="panel test"><div class="panel-head"><div><h2>${t("testTitle")}</h2><p class="lead">${t("testLead")}</p></div>
      <${Button} kind="ghost" onClick=${() => setRaw(raw === null ? JSON.stringify(sampleEvent(bot, text, sender), null, 2) : null)}>${t(raw === null ? "rawJson" : "asForm")}<//></div>
    <form class="stack" onSubmit=${(e) => { e.preventDefault(); test(); }}>
      ${raw === null ? html`<div class="grid">
          <${TextField} label=${t("testText")} value=${text} onValue=${setText} />
          <${TextField} label=${t("testSender")} value=${sender} onValue=${setSender} />
          ${recent.value?.length > 0 && html`<${SelectField} label=${t("testPick")} value="" onValue=${pick} options=${[["", t("testPickNone")], ...recent.value.map((one) => [one.id, one.last_text.slice(0, 60) || one.id])]} />`}</div>`
        : html`<${AreaField} label=${t("testEvent")} value=${raw} onValue=${setRaw} rows="14" class="mono" spellcheck="false" />`}
      ${wrong && html`<p class="error box" role="alert">${wrong}</p>`}
      <div><button class="button primary" disabled=${busy} aria-busy=${busy}>${t("test")}</button></div>
      ${result && html`<div class="verdict" role="status"><p class="verdict-head"><${Icon} name="check" /> ${result.winners.length ? result.winners.map((rule) => t("testWins", { rule })).join(" → ") : t("testDefault")}
          ${result.handlers.map((one) => html` <${Badge} kind="accent">${t(`h_${one.kind}`)}<//>`)}</p>
        <ol>${result.verdicts.map((one) => html`<li class=${one.matches ? "yes" : "no"}><${Icon} name=${one.matches ? "check" : "close"} size=${15} label=${t(one.matches ? "matches" : "matchesNot")} /> <strong>${one.rule}</strong> <span>${one.reason}</span></li>`)}</ol></div>`}
    </form></section>`;
}
