// The contract's components as elements.
import { html } from "./ui.js";
import { Icon } from "./icons.js";
import { plain, rich } from "./rich.js";

const size = (bytes) => (bytes > 1048576 ? `${(bytes / 1048576).toFixed(1)} MB` : `${Math.ceil(bytes / 1024)} KB`);

function source(part) {
  if (part.url) return part.url;
  if (/^sha256:/.test(part.media || "")) return `/api/v1/media/${part.media.slice(7)}`;
  return /^https?:/.test(part.media || "") ? part.media : null;
}

function Media({ part, word }) {
  const url = source(part);
  const name = part.name || part.alt || word;
  if (part.kind === "image" && url)
    return html`<a href=${url} target="_blank" rel="noopener noreferrer"><img class="picture" src=${url} alt=${part.alt || part.name || word} loading="lazy" /></a>`;
  return html`<a class="chip" href=${url} target="_blank" rel="noopener noreferrer"><${Icon} name="file" size=${16} /> ${name}${part.size_bytes ? ` · ${size(part.size_bytes)}` : ""}</a>`;
}

const DRAW = {
  text: (p) => plain(p.text),
  markdown: (p) => rich(p.text),
  mention: (p) => html`<span class="mention">@${p.user.name || p.user.id}</span>`,
  mention_all: () => html`<span class="mention">@all</span>`,
  image: (p, t) => html`<${Media} part=${p} word=${t("image")} />`,
  voice: (p, t) => html`<${Media} part=${p} word=${t("voice")} />`,
  video: (p, t) => html`<${Media} part=${p} word=${t("video")} />`,
  file: (p, t) => html`<${Media} part=${p} word=${t("file")} />`,
  quote: (p, t) => html`<div class="quoted">${p.author ? `${p.author.name || p.author.id}: ` : ""}${p.excerpt || t("quote")}</div>`,
  sticker: (p) => html`<span>${p.emoji || `[${p.name || p.id}]`}</span>`,
  location: (p) => html`<span class="chip">📍 ${p.title || ""} ${p.lat.toFixed(4)}, ${p.lon.toFixed(4)}</span>`,
  contact: (p) => html`<span class="chip"><${Icon} name="user" size=${16} /> ${p.name || p.id}</span>`,
  link: (p) => html`<a class="chip" href=${/^https?:/.test(p.url) ? p.url : null} target="_blank" rel="noopener noreferrer"><${Icon} name="link" size=${16} /> ${p.title || p.url}</a>`,
  forward: (p, t) => html`<div class="quoted">${t("forward")}${p.items.map((item) => html`<div><strong>${item.author.name || item.author.id}</strong> <${Said} components=${item.components} t=${t} /></div>`)}</div>`,
  buttons: (p) => html`<div class="buttons">${p.rows.flat().map((b) => html`<span class="chip">${b.label}</span>`)}</div>`,
  card: (p) => html`<div class="card"><strong>${p.title}</strong>${p.text && html`<p>${p.text}</p>`}${p.fields.length > 0 && html`<dl>${p.fields.map((f) => html`<dt>${f.name}</dt><dd>${f.value}</dd>`)}</dl>`}</div>`,
  platform: (p) => html`<span class="chip">${p.platform}: ${p.type}</span>`,
  unknown: (p) => html`<span class="chip">${p.type}${p.excerpt ? `: ${p.excerpt}` : ""}</span>`,
};

// Words `t` must know: image, voice, video, file, quote, forward.
export function Said({ components, t }) {
  return html`<div class="said">${(components || []).map((part) => (DRAW[part.kind] || DRAW.unknown)(part, t))}</div>`;
}
