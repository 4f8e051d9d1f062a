import { html, useState } from "../shared/ui.js";
import { Icon } from "../shared/icons.js";
import { api } from "./api.js";
import { useConsole, useLive, useLoad } from "./context.js";
import { HandlerEditor, SchemaForm, tidy } from "./forms.js";
import { Badge, Button, Confirm, Copy, Empty, Loaded, Modal, Page, Switch, Tabs, TextField, useAction } from "./parts.js";
import { Rules } from "./rules.js";

const STATES = { online: "ok", offline: "bad", error: "bad", connecting: "warn", disabled: "plain", unknown: "warn" };
const slug = (text) => text.toLowerCase().replace(/[^a-z0-9-]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 40);

export function byField(error) {
  return error?.field ? { [error.field]: error.message.replace(`${error.field}: `, "") } : {};
}

function useBots() {
  const bots = useLoad(() => api.get("/bots", { limit: 200 }).then((page) => page.items), []);
  useLive((item) => { if (item.type === "bot.online" || item.type === "bot.offline") setTimeout(bots.again, 300); }, bots.again);
  return bots;
}

export function Bots({ path, go }) {
  const { t, can, language } = useConsole();
  const bots = useBots();
  const platforms = useLoad(() => api.get("/platforms").then((page) => page.items), []);
  const [creating, setCreating] = useState(false);
  const known = platforms.value || [];
  const label = (name) => known.find((one) => one.name === name)?.labels[language] || name;
  if (path[0]) return html`<${Bot} key=${path[0]} id=${path[0]} tab=${path[1] || "settings"} go=${go} platforms=${known} onGone=${() => { bots.again(); go(); }} />`;
  return html`<${Page} title=${t("bots")} lead=${t("botsLead")} actions=${can("bots.write") && html`<${Button} icon="plus" kind="primary" onClick=${() => setCreating(true)}>${t("newBot")}<//>`}>
    <${Loaded} of=${bots}>${(items) => (items.length
      ? html`<ul class="tiles">${items.map((bot) => html`<${Tile} key=${bot.id} bot=${bot} label=${label(bot.platform)} icon=${known.find((one) => one.name === bot.platform)?.icon || "❔"} go=${go} again=${bots.again} />`)}</ul>`
      : html`<${Empty} icon="bot" title=${t("botsEmpty")}>${t("botsEmptyHelp")}<//>`)}<//>
    ${creating && html`<${NewBot} platforms=${known} onClose=${() => setCreating(false)} onMade=${(bot) => { bots.again(); go(bot.id); }} />`}<//>`;
}

function Tile({ bot, label, icon, go, again }) {
  const { t, can } = useConsole();
  const [busy, run] = useAction();
  const flip = (enabled) => run(async () => { await api.patch(`/bots/${bot.id}`, { enabled }); again(); });
  return html`<li class="tile"><div class="tile-head"><span class="tile-icon" aria-hidden="true">${icon}</span>
      <div class="tile-name"><h2><a href=${`/console/bots/${bot.id}`} onClick=${(e) => { e.preventDefault(); go(bot.id); }}>${bot.name}</a></h2><p>${label} · <code>${bot.id}</code></p></div>
      <input type="checkbox" role="switch" class="switch" aria-label=${t("toggleBot", { name: bot.name })} checked=${bot.enabled} disabled=${busy || !can("bots.write")} onChange=${(e) => flip(e.target.checked)} /></div>
    <div class="tile-foot"><${Badge} kind=${STATES[bot.status.state]} title=${bot.status.reason}>${t(`st_${bot.status.state}`)}<//>
      <span>${t(`h_${bot.default_handler.kind}`)}</span><span>${t({ 0: "noRules", 1: "oneRule" }[bot.rules] || "rulesCount", { n: bot.rules })}</span></div></li>`;
}

function NewBot({ platforms, onClose, onMade }) {
  const { t, language } = useConsole();
  const [busy, run] = useAction();
  const [platform, setPlatform] = useState(platforms[0]?.name || "openai");
  const [name, setName] = useState("");
  const [id, setId] = useState("");
  const [settings, setSettings] = useState({});
  const [handler, setHandler] = useState({ kind: "human", config: {} });
  const [errors, setErrors] = useState({});
  const manifest = platforms.find((one) => one.name === platform);
  const create = () => run(async () => {
    const made = await api.post("/bots", { id: id || slug(name), platform, name, settings: tidy(settings), default_handler: handler });
    onMade(made);
  }, (error) => { setErrors(byField(error)); return Boolean(error.field); });
  return html`<${Modal} wide title=${t("newBot")} onClose=${onClose} foot=${html`<${Button} onClick=${onClose}>${t("cancel")}<//><${Button} kind="primary" busy=${busy} disabled=${!(id || slug(name))} onClick=${create}>${t("create")}<//>`}>
    <div class="stack">
      <fieldset class="kinds"><legend>${t("platform")}</legend>${platforms.map((one) => html`<label class=${`kind-choice ${one.name === platform ? "on" : ""}`}>
        <input type="radio" name="platform" checked=${one.name === platform} onChange=${() => { setPlatform(one.name); setSettings({}); setErrors({}); }} />
        <strong>${one.icon} ${one.labels[language]}</strong><span>${one.description[language]}</span></label>`)}</fieldset>
      <div class="grid"><${TextField} label=${t("name")} value=${name} onValue=${setName} error=${errors.name} maxlength="100" />
      <${TextField} label=${t("id")} help=${t("idHelp")} value=${id} placeholder=${slug(name)} onValue=${(text) => setId(text.trim())} error=${errors.id} maxlength="40" required spellcheck="false" autocapitalize="none" /></div>
      <h3>${t("platformSettings")}</h3><${SchemaForm} key=${platform} schema=${manifest?.settings_schema} value=${settings} onValue=${setSettings} errors=${errors} />
      <h3>${t("defaultHandler")}</h3><${HandlerEditor} value=${handler} onValue=${setHandler} errors=${errors} at="default_handler" />
    </div><//>`;
}

function Bot({ id, tab, go, platforms, onGone }) {
  const { t, language } = useConsole();
  const loaded = useLoad(() => api.get(`/bots/${id}`), [id]);
  const manifest = platforms.find((one) => one.name === loaded.value?.platform);
  return html`<section class="page"><nav class="crumbs" aria-label=${t("back")}><a href="/console/bots" onClick=${(e) => { e.preventDefault(); go(); }}><${Icon} name="back" size=${18} /> ${t("bots")}</a></nav>
    <${Loaded} of=${loaded}>${(bot) => html`<header class="page-head"><div><h1>${manifest?.icon} ${bot.name}</h1>
        <p class="lead">${manifest?.labels[language] || bot.platform} · <code>${bot.id}</code> <${Badge} kind=${STATES[bot.status.state]}>${t(`st_${bot.status.state}`)}<//> ${bot.status.state === "unknown" ? "" : bot.status.reason}</p></div></header>
      <${Tabs} label=${bot.name} value=${tab} onValue=${(next) => go(id, next)} options=${[["settings", t("settings")], ["rules", t("rules"), bot.rules]]} />
      ${tab === "rules" ? html`<${Rules} bot=${bot} onSaved=${loaded.again} />` : html`<${Settings} key=${bot.rev} bot=${bot} manifest=${manifest} onSaved=${(next) => loaded.set(() => next)} onGone=${onGone} again=${loaded.again} />`}`}<//></section>`;
}

function Settings({ bot, manifest, onSaved, onGone, again }) {
  const { t, can, say } = useConsole();
  const [busy, run] = useAction();
  const [name, setName] = useState(bot.name);
  const [enabled, setEnabled] = useState(bot.enabled);
  const [settings, setSettings] = useState(bot.settings);
  const [handler, setHandler] = useState(bot.default_handler);
  const [errors, setErrors] = useState({});
  const [deleting, setDeleting] = useState(false);
  const [stale, setStale] = useState(false);
  const may = can("bots.write");
  const save = () => run(async () => {
    setErrors({});
    onSaved(await api.patch(`/bots/${bot.id}`, { name, enabled, settings: tidy(settings), default_handler: handler }, { rev: bot.rev }));
    say(t("saved"));
  }, (error) => {
    if (error.status === 412) { setStale(true); return true; }
    setErrors(byField(error));
    return Boolean(error.field) && Object.keys(byField(error)).some((field) => /^(name|settings|default_handler)/.test(field));
  });
  const remove = () => run(async () => { await api.remove(`/bots/${bot.id}`); say(t("deleted")); onGone(); });
  const links = Object.entries(bot.links);
  return html`<form class="panels" onSubmit=${(e) => { e.preventDefault(); save(); }}>
    <section class="panel"><h2>${t("general")}</h2><div class="stack">
      <${TextField} label=${t("name")} help=${t("botNameHelp")} value=${name} onValue=${setName} error=${errors.name} maxlength="100" required />
      <${Switch} label=${t("enabled")} checked=${enabled} onValue=${setEnabled} disabled=${!may} /></div></section>
    <section class="panel"><h2>${t("platformSettings")}</h2><${SchemaForm} schema=${manifest?.settings_schema} value=${settings} onValue=${setSettings} errors=${errors} /></section>
    <section class="panel"><h2>${t("defaultHandler")}</h2><${HandlerEditor} value=${handler} onValue=${setHandler} errors=${errors} at="default_handler" /></section>
    ${links.length > 0 && html`<section class="panel"><h2>${t("links")}</h2><div class="stack">${links.map(([kind, url]) => html`<div class="labelled"><span>${t(`l_${kind}`)}${kind === "chat" && html` <a href=${url} target="_blank" rel="noopener"><${Icon} name="link" size=${15} label=${t("openDemo")} /></a>`}</span>
      <${Copy} text=${kind === "widget" ? `<script src="${url}" data-bot="${bot.id}" async></script>` : url} />${kind === "widget" && html`<p class="help">${t("embedHelp")}</p>`}</div>`)}</div></section>`}
    ${may && html`<footer class="save-bar"><${Button} kind="ghost danger-text" icon="trash" onClick=${() => setDeleting(true)}>${t("remove")}<//><span class="grow" />
      <button class="button primary" disabled=${busy} aria-busy=${busy}>${t("save")}</button></footer>`}
    ${deleting && html`<${Confirm} title=${t("deleteBot", { name: bot.name })} verb=${t("remove")} busy=${busy} onYes=${remove} onClose=${() => setDeleting(false)}>${t("deleteBotHelp")}<//>`}
    ${stale && html`<${Confirm} title=${t("changedElsewhere")} verb=${t("reload")} busy=${busy} onYes=${() => { setStale(false); again(); }} onClose=${() => setStale(false)} />`}
  </form>`;
}
