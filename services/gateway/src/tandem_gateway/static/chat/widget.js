// <script src="https://your.gateway/chat/widget.js" data-bot="support" async></script>
// data-theme: auto, light, dark · data-position: right, left · data-language: en, zh
// data-color: #0b6b62 · data-open: "true" opens at once. window.tandemChat.open() and .close().
(() => {
  const script = document.currentScript;
  if (!script || !script.dataset.bot || window.tandemChat) return;
  const home = new URL(script.src).origin;
  const { bot, theme = "auto", position = "right", language, color = "#0b6b62" } = script.dataset;
  const isChinese = language === "zh" || (!language && (navigator.language || "").toLowerCase().startsWith("zh"));
  const words = isChinese ? { open: "打开聊天", close: "关闭聊天", title: "聊天" } : { open: "Open the chat", close: "Close the chat", title: "Chat" };
  const side = position === "left" ? "left" : "right";
  const make = (name, styles, parent) => {
    const element = document.createElement(name);
    Object.assign(element.style, styles);
    parent?.append(element);
    return element;
  };
  const line = (d) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    for (const [k, v] of Object.entries({ viewBox: "0 0 24 24", width: 26, height: 26, fill: "none", stroke: "currentColor", "stroke-width": 1.8, "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true" })) svg.setAttribute(k, v);
    const path = document.createElementNS(svg.namespaceURI, "path");
    path.setAttribute("d", d);
    svg.append(path);
    return svg;
  };

  const host = make("div", { position: "fixed", zIndex: "2147483000", bottom: "0", [side]: "0" });
  const root = host.attachShadow({ mode: "open" });
  const button = make("button", { position: "fixed", bottom: "20px", [side]: "20px", width: "56px", height: "56px", borderRadius: "50%", border: "0", background: color, color: "#fff", display: "grid", placeItems: "center", cursor: "pointer", boxShadow: "0 4px 18px rgb(0 0 0 / .25)" }, root);
  const badge = make("span", { position: "absolute", top: "-4px", right: "-4px", minWidth: "20px", height: "20px", padding: "0 5px", boxSizing: "border-box", borderRadius: "10px", background: "#b3261e", color: "#fff", font: "600 12px/20px system-ui, sans-serif", display: "none" });
  const panel = make("div", { position: "fixed", display: "none", overflow: "hidden", boxShadow: "0 12px 48px rgb(0 0 0 / .28)", background: "Canvas" }, root);
  let frame = null, isOpen = false, seen = null, count = 0;

  function place() {
    const isNarrow = innerWidth < 520;
    Object.assign(panel.style, isNarrow
      ? { inset: "0", width: "100%", height: "100%", borderRadius: "0", left: "0", right: "0" }
      : { inset: "auto", bottom: "88px", [side]: "20px", width: "392px", height: `min(640px, ${innerHeight - 110}px)`, borderRadius: "16px" });
    button.style.display = isOpen && isNarrow ? "none" : "grid";
  }

  function show() {
    button.setAttribute("aria-label", isOpen ? words.close : words.open + (count ? ` (${count})` : ""));
    button.setAttribute("aria-expanded", String(isOpen));
    button.replaceChildren(line(isOpen ? "M6 9l6 6 6-6" : "M4 5h16v11h-9l-5 4v-4H4z"), badge);
    badge.textContent = String(count);
    badge.style.display = count && !isOpen ? "block" : "none";
    panel.style.display = isOpen ? "block" : "none";
    place();
  }

  function open() {
    isOpen = true;
    if (!frame) {
      const asked = new URLSearchParams({ embed: "1" });
      if (theme !== "auto") asked.set("theme", theme);
      if (language) asked.set("lang", language);
      frame = make("iframe", { width: "100%", height: "100%", border: "0", display: "block" }, panel);
      frame.title = words.title;
      frame.allow = "clipboard-write";
      frame.src = `${home}/chat/${encodeURIComponent(bot)}?${asked}`;
    }
    count = 0;
    show();
    setTimeout(() => frame.focus(), 50);
  }

  function close() {
    isOpen = false;
    show();
    button.focus();
  }

  addEventListener("message", (event) => {
    if (event.origin !== home || event.source !== frame?.contentWindow || event.data?.source !== "tandem-chat") return;
    if (event.data.type === "close") close();
    if (event.data.type === "arrived") {
      if (isOpen || !event.data.live || seen === null) seen = event.data.count;
      count = event.data.count - seen;
      show();
    }
  });
  addEventListener("keydown", (event) => { if (event.key === "Escape" && isOpen) close(); });
  addEventListener("resize", place);
  button.addEventListener("click", () => (isOpen ? close() : open()));
  const attach = () => { document.body.append(host); show(); if (script.dataset.open === "true") open(); };
  if (document.body) attach(); else addEventListener("DOMContentLoaded", attach);
  window.tandemChat = { open, close };
})();
