import { html, useState } from "../shared/ui.js";
import { dateTime } from "../shared/language.js";
import { api } from "./api.js";
import { useConsole, useLoad } from "./context.js";
import { Avatar, Badge, Button, Confirm, Copy, Loaded, Modal, Page, SelectField, useAction } from "./parts.js";

const ROLES = ["operator", "viewer", "admin", "owner"];

export function People() {
  const { t, can, me, say } = useConsole();
  const list = useLoad(() => api.get("/accounts").then((page) => page.items), []);
  const [inviting, setInviting] = useState(false);
  const [removing, setRemoving] = useState(null);
  const [busy, run] = useAction();
  const may = can("accounts.write");
  const change = (one, body) => run(async () => { await api.patch(`/accounts/${one.id}`, body); say(t("saved")); }).then(list.again);
  const remove = () => run(async () => { await api.remove(`/accounts/${removing.id}`); setRemoving(null); list.again(); say(t("deleted")); });
  return html`<${Page} title=${t("people")} lead=${t("peopleLead")} actions=${may && html`<${Button} icon="plus" kind="primary" onClick=${() => setInviting(true)}>${t("invite")}<//>`}>
    <${Loaded} of=${list}>${(items) => html`<ul class="people">${items.map((one) => {
      const self = `account:${one.id}` === me.id;
      return html`<li key=${one.id} class=${one.disabled ? "off" : ""}><${Avatar} name=${one.display_name} /><div class="person"><strong>${one.display_name}</strong> ${self && html`<${Badge} kind="accent">${t("you")}<//>`}<p>${one.name}</p></div>
        ${may && !self ? html`<select aria-label=${t("roleOf", { name: one.display_name })} value=${one.role} disabled=${busy} onChange=${(e) => change(one, { role: e.target.value })}>${ROLES.map((role) => html`<option value=${role} selected=${role === one.role}>${t(`role_${role}`)}</option>`)}</select>
          <input type="checkbox" role="switch" class="switch" aria-label=${t("toggleBot", { name: one.display_name })} checked=${!one.disabled} disabled=${busy} onChange=${(e) => change(one, { disabled: !e.target.checked })} />
          <${Button} icon="trash" kind="ghost" label=${`${t("remove")}: ${one.display_name}`} onClick=${() => setRemoving(one)} />` : html`<${Badge}>${t(`role_${one.role}`)}<//>`}</li>`;
    })}</ul>`}<//>
    ${inviting && html`<${Invite} onClose=${() => setInviting(false)} />`}
    ${removing && html`<${Confirm} title=${t("removePerson", { name: removing.display_name })} verb=${t("remove")} busy=${busy} onYes=${remove} onClose=${() => setRemoving(null)}>${t("removePersonHelp")}<//>`}<//>`;
}

function Invite({ onClose }) {
  const { t, language } = useConsole();
  const [role, setRole] = useState("operator");
  const [made, setMade] = useState(null);
  const [busy, run] = useAction();
  const make = () => run(async () => setMade(await api.post("/accounts/invitations", { role })));
  return html`<${Modal} title=${t("invite")} onClose=${onClose} foot=${made ? html`<${Button} kind="primary" onClick=${onClose}>${t("done")}<//>` : html`<${Button} onClick=${onClose}>${t("cancel")}<//><${Button} kind="primary" busy=${busy} onClick=${make}>${t("inviteMake")}<//>`}>
    <div class="stack">${made ? html`<p>${t("inviteReady", { time: dateTime(made.expires_at, language) })}</p><${Copy} text=${made.url} />`
      : html`<p>${t("inviteLead")}</p><${SelectField} label=${t("inviteRole")} value=${role} onValue=${setRole} options=${ROLES.map((one) => [one, t(`role_${one}`)])} />`}</div><//>`;
}
