import { html, useEffect, useRef, useState } from "../shared/ui.js";
import { Icon } from "../shared/icons.js";
import { shortTime } from "../shared/language.js";
import { api } from "./api.js";
import { useConsole, useDemoChat, useLive, useLoad } from "./context.js";
import { Avatar, Button, Empty, Loaded, useAction } from "./parts.js";
import { useTranscript } from "./inbox.js";
import { TranscriptView } from "./transcript.js";

const nameOf = (one) => one.user?.name || one.user?.username || one.conversation.chat.name || one.user?.id || one.conversation.chat.id;

export function Conversations({ path, go }) {
  const { t, language } = useConsole();
  const demo = useDemoChat();
  const [words, setWords] = useState("");
  const [search, setSearch] = useState("");
  const [bot, setBot] = useState("");
  const bots = useLoad(() => api.get("/bots", { limit: 200 }).then((page) => page.items), []);
  const list = useLoad(() => api.get("/conversations", { search, bot, limit: 50 }), [search, bot]);
  const [busy, run] = useAction();
  const timer = useRef(null);
  useEffect(() => {
    const wait = setTimeout(() => setSearch(words.trim()), 250);
    return () => clearTimeout(wait);
  }, [words]);
  useLive((item) => {
    if (item.type !== "message.received" && item.type !== "outcome") return;
    clearTimeout(timer.current);
    timer.current = setTimeout(list.again, 600);
  }, list.again);
  const more = () => run(async () => {
    const page = await api.get("/conversations", { search, bot, limit: 50, cursor: list.value.next });
    list.set((old) => ({ items: [...old.items, ...page.items], next: page.next }));
  });
  const current = path[0];
  return html`<div class=${`split ${current ? "has-detail" : ""}`}>
    <section class="list-pane" aria-label=${t("conversations")}>
      <header class="pane-head"><h1>${t("conversations")}</h1></header>
      <div class="pane-tools"><div class="search"><${Icon} name="search" size=${18} /><input type="search" aria-label=${t("searchConversations")} placeholder=${t("searchConversations")} value=${words} onInput=${(e) => setWords(e.target.value)} /></div>
        <select aria-label=${t("bot")} value=${bot} onChange=${(e) => setBot(e.target.value)}><option value="">${t("allBots")}</option>${(bots.value || []).map((one) => html`<option value=${one.id}>${one.name}</option>`)}</select></div>
      <div class="list-scroll"><${Loaded} of=${list}>${(page) => (page.items.length
        ? html`<ul class="cards">${page.items.map((one) => html`<li key=${one.id}><button class="card-row" aria-current=${one.id === current ? "true" : null} onClick=${() => go(one.id)}>
            <${Avatar} name=${nameOf(one)} /><span class="card-main"><span class="card-top"><strong>${nameOf(one)}</strong><time datetime=${one.last_at}>${shortTime(one.last_at, language)}</time></span>
            <span class="card-text">${one.last_text}</span><span class="card-foot">${one.bot} · ${t("messagesCount", { n: one.messages })}</span></span></button></li>`)}</ul>
            ${page.next && html`<div class="earlier"><${Button} busy=${busy} onClick=${more}>${t("loadMore")}<//></div>`}`
        : search || bot ? html`<${Empty} icon="search" title=${t("nothingFound")}>${t("nothingFoundHelp")}<//>`
          : html`<${Empty} icon="chats" title=${t("conversationsEmpty")} action=${demo && html`<a class="button" href=${demo} target="_blank" rel="noopener">${t("openDemo")}</a>`}>${t("conversationsEmptyHelp")}<//>`)}<//></div>
    </section>
    <section class="detail-pane" aria-label=${t("details")}>${current
      ? html`<${Talk} key=${current} id=${current} onBack=${() => go()} />`
      : html`<${Empty} icon="chats" title=${t("pickConversation")}>${t("pickConversationHelp")}<//>`}</section>
  </div>`;
}

function Talk({ id, onBack }) {
  const { t } = useConsole();
  const talk = useTranscript(id);
  return html`<${Loaded} of=${talk}>${({ conversation, items, next }) => html`<article class="ticket">
    <header class="ticket-head"><span class="narrow-only"><${Button} icon="back" kind="ghost" label=${t("back")} onClick=${onBack} /></span>
      <${Avatar} name=${nameOf(conversation)} /><div class="ticket-who"><h2>${nameOf(conversation)}</h2>
      <p>${conversation.bot} · ${conversation.platform} · ${t(`c_${conversation.conversation.chat.kind}`)}</p></div></header>
    <${TranscriptView} entries=${items} more=${next} onMore=${talk.earlier} /></article>`}<//>`;
}
