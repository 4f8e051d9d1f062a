import { html, useState } from "../shared/ui.js";
import { api } from "./api.js";
import { byField } from "./bots.js";
import { useConsole, useLoad } from "./context.js";
import { MASK } from "./forms.js";
import { AreaField, Badge, Button, Confirm, Empty, Loaded, Loading, Modal, Page, Switch, TextField, useAction } from "./parts.js";

const linesOf = (text) => text.split("\n").map((one) => one.trim()).filter(Boolean);

export function Connections() {
  const { t, can, say } = useConsole();
  const list = useLoad(() => api.get("/connections").then((page) => page.items), []);
  const [editing, setEditing] = useState(null);
  const [removing, setRemoving] = useState(null);
  const [looking, setLooking] = useState(null);
  const [busy, run] = useAction();
  const may = can("connections.write");
  const remove = () => run(async () => { await api.remove(`/connections/${removing.id}`); setRemoving(null); list.again(); say(t("deleted")); });
  return html`<${Page} title=${t("connections")} lead=${t("connectionsLead")} actions=${may && html`<${Button} icon="plus" kind="primary" onClick=${() => setEditing({})}>${t("newConnection")}<//>`}>
    <${Loaded} of=${list}>${(items) => (items.length ? html`<ul class="tiles">${items.map((one) => html`<${Tile} key=${one.id} one=${one} may=${may} onEdit=${() => setEditing(one)} onRemove=${() => setRemoving(one)} onModels=${() => setLooking(one)} />`)}</ul>`
      : html`<${Empty} icon="plug" title=${t("connectionsEmpty")}>${t("connectionsEmptyHelp")}<//>`)}<//>
    ${editing && html`<${Form} one=${editing} onClose=${() => setEditing(null)} onSaved=${() => { setEditing(null); list.again(); say(t("saved")); }} />`}
    ${removing && html`<${Confirm} title=${t("deleteConnection", { name: removing.id })} verb=${t("remove")} busy=${busy} onYes=${remove} onClose=${() => setRemoving(null)}>${t("deleteConnectionHelp")}<//>`}
    ${looking && html`<${Models} one=${looking} onClose=${() => setLooking(null)} />`}<//>`;
}

function Tile({ one, may, onEdit, onRemove, onModels }) {
  const { t, sentence } = useConsole();
  const [result, setResult] = useState(null);
  const [busy, run] = useAction();
  const check = () => run(async () => setResult(await api.post(`/connections/${one.id}/check`)));
  return html`<li class="tile"><div class="tile-head"><div class="tile-name"><h2>${one.id}</h2><p class="url">${one.base_url}</p></div>${!one.enabled && html`<${Badge}>${t("disabled")}<//>`}</div>
    ${(one.tags.length > 0 || one.prefix) && html`<p class="tags">${one.prefix && html`<code>${one.prefix}</code>`} ${one.tags.map((tag) => html`<${Badge}>${tag}<//>`)}</p>`}
    ${result && html`<p class=${`check ${result.ok ? "good" : "bad"}`} role="status">${result.ok ? t("checkOk", { ms: Math.round(result.latency_ms), n: result.models }) : sentence(result.error)}</p>`}
    <div class="tile-foot">${may && html`<${Button} busy=${busy} onClick=${check}>${t("check")}<//>`}<${Button} onClick=${onModels}>${t("showModels")}<//><span class="grow" />
      ${may && html`<${Button} icon="edit" kind="ghost" label=${`${t("edit")}: ${one.id}`} onClick=${onEdit} /><${Button} icon="trash" kind="ghost" label=${`${t("remove")}: ${one.id}`} onClick=${onRemove} />`}</div></li>`;
}

function Models({ one, onClose }) {
  const { t, sentence } = useConsole();
  const list = useLoad(() => api.get(`/connections/${one.id}/models`).then((page) => page.items), [one.id]);
  return html`<${Modal} title=${`${t("models")}: ${one.id}`} onClose=${onClose}>
    ${list.error ? html`<p class="error box" role="alert">${sentence(list.error)}</p>` : list.value ? html`<ul class="plain-list">${list.value.map((name) => html`<li><code>${one.prefix}${name}</code></li>`)}</ul>` : html`<${Loading} />`}<//>`;
}

function Form({ one, onClose, onSaved }) {
  const { t } = useConsole();
  const isNew = !one.id;
  const [values, setValues] = useState({ id: "", base_url: "https://api.openai.com/v1", api_key: "", prefix: "", enabled: true, ...one, models: (one.models || []).join("\n"), tags: (one.tags || []).join("\n") });
  const [errors, setErrors] = useState({});
  const [busy, run] = useAction();
  const set = (name) => (value) => setValues((all) => ({ ...all, [name]: value }));
  const save = () => run(async () => {
    const { base_url, api_key, prefix, enabled } = values;
    const body = { base_url, api_key, prefix, enabled, models: linesOf(values.models), tags: linesOf(values.tags) };
    await (isNew ? api.post("/connections", { id: values.id, ...body }) : api.patch(`/connections/${one.id}`, body, { rev: one.rev }));
    onSaved();
  }, (error) => { setErrors(byField(error)); return Boolean(error.field); });
  const kept = values.api_key === MASK;
  return html`<${Modal} wide title=${isNew ? t("newConnection") : one.id} onClose=${onClose} foot=${html`<${Button} onClick=${onClose}>${t("cancel")}<//><${Button} kind="primary" busy=${busy} disabled=${!values.id || !values.base_url} onClick=${save}>${t("save")}<//>`}>
    <form class="stack" onSubmit=${(e) => { e.preventDefault(); save(); }}><div class="grid">
      ${isNew && html`<${TextField} label=${t("id")} help=${t("idHelp")} value=${values.id} onValue=${set("id")} error=${errors.id} maxlength="40" required spellcheck="false" autocapitalize="none" />`}
      <${TextField} label=${t("baseUrl")} type="url" value=${values.base_url} onValue=${set("base_url")} error=${errors.base_url} required />
      <${TextField} label=${t("apiKey")} type="password" autocomplete="new-password" help=${kept ? t("secretKept") : ""} placeholder=${kept ? MASK : ""} value=${kept ? "" : values.api_key} onValue=${(text) => set("api_key")(text || (one.api_key === MASK ? MASK : ""))} error=${errors["connection.api_key"] || errors.api_key} />
      <${TextField} label=${t("prefix")} help=${t("prefixHelp")} value=${values.prefix} onValue=${set("prefix")} error=${errors.prefix} />
      <${AreaField} label=${t("models")} help=${t("modelsHelp")} value=${values.models} onValue=${set("models")} error=${errors.models} />
      <${AreaField} label=${t("tags")} value=${values.tags} onValue=${set("tags")} error=${errors.tags} /></div>
      <${Switch} label=${t("enabled")} checked=${values.enabled} onValue=${set("enabled")} /><button hidden></button></form><//>`;
}
