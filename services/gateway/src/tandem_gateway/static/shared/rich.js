// Markdown of the small kind, as elements: never as HTML text, so nothing in it can run.
import { html } from "./ui.js";

const INLINE = /(`[^`\n]+`)|(\*\*[^*\n]+\*\*)|(?<![\w*])(\*[^*\s][^*\n]*\*)(?!\w)|\[([^\]\n]+)\]\((https?:\/\/[^\s)]+)\)|(https?:\/\/[^\s<>"'`]*[^\s<>"'`.,;:!?)\]}。，；：！？）】])/g;

function link(url, text) {
  return html`<a href=${url} target="_blank" rel="noopener noreferrer nofollow">${text}</a>`;
}

export function inline(text) {
  const found = [];
  let from = 0;
  for (const match of text.matchAll(INLINE)) {
    if (match.index > from) found.push(text.slice(from, match.index));
    const [whole, code, bold, italic, label, target, url] = match;
    if (code) found.push(html`<code>${code.slice(1, -1)}</code>`);
    else if (bold) found.push(html`<strong>${bold.slice(2, -2)}</strong>`);
    else if (italic) found.push(html`<em>${italic.slice(1, -1)}</em>`);
    else if (target) found.push(link(target, label));
    else found.push(link(url, url));
    from = match.index + whole.length;
  }
  if (from < text.length) found.push(text.slice(from));
  return found;
}

function block(lines) {
  if (lines.every((line) => /^\s*[-*•] /.test(line)))
    return html`<ul>${lines.map((line) => html`<li>${inline(line.replace(/^\s*[-*•] /, ""))}</li>`)}</ul>`;
  if (lines.every((line) => /^\s*\d+[.)] /.test(line)))
    return html`<ol start=${parseInt(lines[0], 10)}>${lines.map((line) => html`<li>${inline(line.replace(/^\s*\d+[.)] /, ""))}</li>`)}</ol>`;
  const heading = lines.length === 1 && /^#{1,6} (.+)$/.exec(lines[0]);
  if (heading) return html`<p><strong>${inline(heading[1])}</strong></p>`;
  return html`<p>${lines.map((line, i) => [i ? html`<br />` : null, inline(line)])}</p>`;
}

// Plain text: links only, every line break as it was written.
export function plain(text) {
  return html`<p class="plain">${text.split(/(https?:\/\/[^\s<>"'`]*[^\s<>"'`.,;:!?)\]}。，；：！？）】])/g)
    .map((piece, i) => (i % 2 ? link(piece, piece) : piece))}</p>`;
}

export function rich(text) {
  const parts = text.split(/```[^\n]*\n([\s\S]*?)(?:```|$)/g);
  return parts.map((part, i) => {
    if (i % 2) return html`<pre><code>${part.replace(/\n$/, "")}</code></pre>`;
    return part.split(/\n{2,}/).filter((p) => p.trim()).map((p) => block(p.split("\n").filter((l, j, all) => l.trim() || (j && j < all.length - 1))));
  });
}
