import { html, useState } from "../shared/ui.js";
import { shortTime } from "../shared/language.js";
import { api } from "./api.js";
import { useConsole, useLoad } from "./context.js";
import { Badge, Button, Confirm, Empty, Loaded, useAction } from "./parts.js";

export function Letters({ path, go }) {
  const { t, language } = useConsole();
  const list = useLoad(() => api.get("/dlq", { limit: 100 }), []);
  const [busy, run] = useAction();
  const current = path[0];
  const more = () => run(async () => {
    const page = await api.get("/dlq", { limit: 100, cursor: list.value.next });
    list.set((old) => ({ ...page, items: [...old.items, ...page.items] }));
  });
  const gone = () => { go(); list.again(); };
  return html`<div class=${`split ${current ? "has-detail" : ""}`}>
    <section class="list-pane" aria-label=${t("letters")}><header class="pane-head"><h1>${t("letters")}</h1><p class="lead">${t("lettersLead")}</p></header>
      <div class="list-scroll"><${Loaded} of=${list}>${(page) => (page.items.length ? html`<ul class="cards">${page.items.map((one) => html`<li key=${one.id}><button class="card-row" aria-current=${one.id === current ? "true" : null} onClick=${() => go(one.id)}>
          <span class="card-main"><span class="card-top"><strong>${t(`kind_${one.kind}`)}</strong><time datetime=${one.time}>${shortTime(one.time, language)}</time></span>
          <span class="card-text">${one.reason || one.excerpt}</span><span class="card-foot"><code>${one.subject}</code></span></span></button></li>`)}</ul>
          ${page.next && html`<div class="earlier"><${Button} busy=${busy} onClick=${more}>${t("loadMore")}<//></div>`}`
        : html`<${Empty} icon="letter" title=${t("lettersEmpty")}>${t("lettersEmptyHelp")}<//>`)}<//></div></section>
    <section class="detail-pane" aria-label=${t("details")}>${current ? html`<${Letter} key=${current} id=${current} onBack=${() => go()} onGone=${gone} />`
      : html`<${Empty} icon="letter" title=${t("pickLetter")}>${t("pickLetterHelp")}<//>`}</section></div>`;
}

function Letter({ id, onBack, onGone }) {
  const { t, say, can } = useConsole();
  const loaded = useLoad(() => api.get(`/dlq/${id}`), [id]);
  const [deleting, setDeleting] = useState(false);
  const [busy, run] = useAction();
  const replay = () => run(async () => { await api.post(`/dlq/${id}/replay`); say(t("replayed")); onGone(); });
  const remove = () => run(async () => { await api.remove(`/dlq/${id}`); say(t("deleted")); onGone(); });
  return html`<${Loaded} of=${loaded}>${(one) => html`<article class="ticket"><header class="ticket-head"><span class="narrow-only"><${Button} icon="back" kind="ghost" label=${t("back")} onClick=${onBack} /></span>
      <div class="ticket-who"><h2>${t(`kind_${one.kind}`)} ${one.id}</h2><p><code>${one.subject}</code></p></div>
      ${can("dlq.write") && html`<div class="actions"><${Button} icon="replay" kind="primary" busy=${busy} onClick=${replay}>${t("replay")}<//><${Button} icon="trash" kind="ghost" label=${t("remove")} onClick=${() => setDeleting(true)} /></div>`}</header>
    <div class="letter"><p class="reason"><strong>${t("reason")}</strong> ${one.reason || t("none")} ${one.attempts !== null && html`<${Badge}>${t("attempts", { n: one.attempts })}<//>`}</p>
      <pre tabindex="0"><code>${typeof one.body === "string" ? one.body : JSON.stringify(one.body, null, 2)}</code></pre></div>
    ${deleting && html`<${Confirm} title=${t("deleteLetter")} verb=${t("remove")} busy=${busy} onYes=${remove} onClose=${() => setDeleting(false)}>${t("deleteLetterHelp")}<//>`}</article>`}<//>`;
}
