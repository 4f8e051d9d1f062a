// A conversation as it was said: users, people and machines told apart, notes in between.
import { html, useEffect, useLayoutEffect, useRef } from "../shared/ui.js";
import { Said } from "../shared/components.js";
import { Icon } from "../shared/icons.js";
import { clockTime, dayName, sameDay } from "../shared/language.js";
import { useConsole } from "./context.js";
import { Avatar, Button } from "./parts.js";

const NEAR_MS = 5000;
const DELIVERY = { pending: "clock", sent: "check", failed: "alert", unknown: "alert" };

// One list of what the router keeps and what the ticket alone knows yet.
export function lines(entries, ticket) {
  const all = entries.map((entry) => ({ ...entry, from: "transcript" }));
  const known = (one) => all.some((entry) => entry.id === one.id
    || (entry.text === one.text && Math.abs(new Date(entry.time) - new Date(one.time)) < NEAR_MS));
  for (const question of ticket?.questions || []) {
    const entry = { id: question.event_id, time: question.time, components: question.components, text: question.text, direction: "in",
      author: { kind: "user", id: ticket.user?.id || "", name: ticket.user?.name } };
    const match = all.find((one) => one.id === entry.id || (one.direction === "in" && one.text === entry.text && Math.abs(new Date(one.time) - new Date(entry.time)) < NEAR_MS));
    if (match) match.question = true;
    else all.push({ ...entry, question: true });
  }
  for (const part of ticket?.parts || [])
    if (!known(part)) all.push({ ...part, direction: "out" });
  for (const note of ticket?.notes || [])
    all.push({ ...note, note: true, author: { kind: "human", ...note.author } });
  return all.sort((a, b) => new Date(a.time) - new Date(b.time));
}

function Entry({ entry, before, t, language }) {
  const kind = entry.author.kind;
  const follows = before && !entry.note && !before.note && before.author.kind === kind && before.author.id === entry.author.id
    && new Date(entry.time) - new Date(before.time) < 180000;
  const name = entry.author.name || entry.author.id || t(`a_${kind}`);
  const label = entry.note ? t("internalNote") : t(`a_${kind}`);
  return html`<li class=${`entry ${entry.note ? "note" : entry.direction} ${kind} ${follows ? "follows" : ""} ${entry.question ? "question" : ""}`}>
    ${follows ? html`<span class="avatar-gap" />` : html`<${Avatar} name=${name} kind=${kind === "bot" || kind === "webhook" ? "bot" : kind} />`}
    <div class="entry-body">
      ${!follows && html`<p class="entry-head"><strong>${name}</strong> <span class="kind">${label}</span> <time datetime=${entry.time}>${clockTime(entry.time, language)}</time></p>`}
      <div class="entry-said">${entry.note ? html`<div class="said"><p class="plain">${entry.text}</p></div>` : html`<${Said} components=${entry.components} t=${t} />`}</div>
      ${entry.delivery && entry.delivery !== "sent" && html`<p class=${`delivery ${entry.delivery}`}><${Icon} name=${DELIVERY[entry.delivery]} size=${14} /> ${t(`d_${entry.delivery}`)}${entry.error ? `: ${entry.error}` : ""}</p>`}
      ${entry.delivery === "sent" && html`<p class="delivery sent"><${Icon} name="check" size=${13} label=${t("d_sent")} /></p>`}
    </div></li>`;
}

export function TranscriptView({ entries, ticket, more, onMore, foot }) {
  const { t, language } = useConsole();
  const box = useRef(null), stuck = useRef(true), height = useRef(0);
  const all = lines(entries, ticket);
  const last = all.at(-1)?.id;
  useLayoutEffect(() => {
    const it = box.current;
    if (stuck.current) it.scrollTop = it.scrollHeight;
    // Earlier messages were put on top: what was in view stays in view.
    else if (it.scrollTop < 40 && height.current && it.scrollHeight > height.current) it.scrollTop += it.scrollHeight - height.current;
    height.current = it.scrollHeight;
  }, [last, all.length, foot]);
  useEffect(() => {
    const watch = new ResizeObserver(() => { if (stuck.current) box.current.scrollTop = box.current.scrollHeight; });
    watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  const onScroll = () => { const it = box.current; stuck.current = it.scrollHeight - it.scrollTop - it.clientHeight < 60; };
  return html`<div class="transcript" ref=${box} onScroll=${onScroll} tabindex="0" role="region" aria-label=${t("conversations")}>
    ${more && html`<div class="earlier"><${Button} icon="up" onClick=${onMore}>${t("earlier")}<//></div>`}
    <ol role="log" aria-live="polite" aria-relevant="additions">${all.map((entry, i) => {
      const before = all[i - 1];
      const day = !before || !sameDay(before.time, entry.time);
      return html`${day && html`<li class="day" key=${`day-${entry.id}`}><span>${dayName(entry.time, language, t("today"), t("yesterday"))}</span></li>`}
        <${Entry} key=${entry.id} entry=${entry} before=${day ? null : before} t=${t} language=${language} />`;
    })}</ol>${foot}</div>`;
}

// Loads pages of a transcript and keeps them in order.
export function mergePage(old, page) {
  const known = new Map((old?.items || []).map((entry) => [entry.id, entry]));
  for (const entry of page.items) known.set(entry.id, entry);
  return { conversation: page.conversation, items: [...known.values()], next: old && old.items.length ? old.next : page.next };
}

