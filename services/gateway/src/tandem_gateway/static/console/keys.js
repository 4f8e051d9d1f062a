import { html, useState } from "../shared/ui.js";
import { dateTime } from "../shared/language.js";
import { api } from "./api.js";
import { byField } from "./bots.js";
import { useConsole, useLoad } from "./context.js";
import { AreaField, Badge, Button, Choices, Confirm, Copy, Empty, Loaded, Modal, Page, Switch, TextField, useAction } from "./parts.js";

const SCOPES = ["chat", "operator", "admin"];

export function Keys() {
  const { t, can, language, say } = useConsole();
  const list = useLoad(() => api.get("/keys").then((page) => page.items), []);
  const [creating, setCreating] = useState(false);
  const [revoking, setRevoking] = useState(null);
  const [busy, run] = useAction();
  const may = can("keys.write");
  const revoke = () => run(async () => { await api.remove(`/keys/${revoking.id}`); setRevoking(null); list.again(); say(t("revoked")); });
  return html`<${Page} title=${t("keys")} lead=${t("keysLead")} actions=${may && html`<${Button} icon="plus" kind="primary" onClick=${() => setCreating(true)}>${t("newKey")}<//>`}>
    <${Loaded} of=${list}>${(items) => (items.length ? html`<div class="table-box"><table><thead><tr><th>${t("name")}</th><th>${t("keyColumn")}</th><th>${t("scopes")}</th><th>${t("expires")}</th><th>${t("createdAt")}</th><th><span class="sr">${t("revoke")}</span></th></tr></thead>
      <tbody>${items.map((one) => html`<tr key=${one.id} class=${one.revoked ? "off" : ""}><td data-label=${t("name")}><strong>${one.name}</strong></td><td data-label=${t("keyColumn")}><code>${one.prefix}…</code></td>
        <td data-label=${t("scopes")}>${one.scopes.map((scope) => html`<${Badge} kind=${scope === "admin" ? "warn" : "plain"}>${scope}<//> `)}</td>
        <td data-label=${t("expires")}>${one.expires_at ? dateTime(one.expires_at, language) : t("never")}</td><td data-label=${t("createdAt")}>${dateTime(one.created_at, language)}</td>
        <td class="end">${one.revoked ? html`<${Badge} kind="bad">${t("revoked")}<//>` : may && html`<${Button} kind="ghost danger-text" onClick=${() => setRevoking(one)}>${t("revoke")}<//>`}</td></tr>`)}</tbody></table></div>`
      : html`<${Empty} icon="key" title=${t("keysEmpty")}>${t("keysEmptyHelp")}<//>`)}<//>
    ${creating && html`<${NewKey} onClose=${() => { setCreating(false); list.again(); }} />`}
    ${revoking && html`<${Confirm} title=${t("revokeAsk", { name: revoking.name })} verb=${t("revoke")} busy=${busy} onYes=${revoke} onClose=${() => setRevoking(null)}>${t("revokeHelp")}<//>`}<//>`;
}

function NewKey({ onClose }) {
  const { t } = useConsole();
  const [values, setValues] = useState({ name: "", scopes: ["chat"], models: "", expires: "", trusted: false });
  const [made, setMade] = useState(null);
  const [errors, setErrors] = useState({});
  const [busy, run] = useAction();
  const set = (name) => (value) => setValues((all) => ({ ...all, [name]: value }));
  const create = () => run(async () => {
    const models = values.models.split("\n").map((one) => one.trim()).filter(Boolean);
    setMade(await api.post("/keys", { name: values.name, scopes: values.scopes, models, trusted_frontend: values.trusted, ...(values.expires ? { expires_at: new Date(values.expires).toISOString() } : {}) }));
  }, (error) => { setErrors(byField(error)); return Boolean(error.field); });
  if (made)
    return html`<${Modal} title=${t("keyOnce")} onClose=${onClose} foot=${html`<${Button} kind="primary" onClick=${onClose}>${t("done")}<//>`}><p>${t("keyOnceHelp")}</p><${Copy} text=${made.key} /><//>`;
  return html`<${Modal} title=${t("newKey")} onClose=${onClose} foot=${html`<${Button} onClick=${onClose}>${t("cancel")}<//><${Button} kind="primary" busy=${busy} disabled=${!values.name || !values.scopes.length} onClick=${create}>${t("create")}<//>`}>
    <form class="stack" onSubmit=${(e) => { e.preventDefault(); create(); }}>
      <${TextField} label=${t("name")} value=${values.name} onValue=${set("name")} error=${errors.name} maxlength="100" required autofocus />
      <${Choices} label=${t("scopes")} value=${values.scopes} onValue=${set("scopes")} options=${SCOPES.map((one) => [one, t(`sc_${one}`)])} />
      <${AreaField} label=${t("onlyModels")} help=${t("onlyModelsHelp")} value=${values.models} onValue=${set("models")} error=${errors.models} rows="2" />
      <${TextField} label=${t("expires")} help=${values.expires ? "" : t("never")} type="datetime-local" value=${values.expires} onValue=${set("expires")} error=${errors.expires_at} />
      <${Switch} label=${t("trusted")} help=${t("trustedHelp")} checked=${values.trusted} onValue=${set("trusted")} /><button hidden></button></form><//>`;
}
