// Which language, and how times are said in it.
const KEY = "tandem-language";

export function initialLanguage() {
  const asked = new URLSearchParams(location.search).get("lang");
  if (asked === "zh" || asked === "en") return asked;
  const kept = read(KEY);
  if (kept === "zh" || kept === "en") return kept;
  return (navigator.language || "en").toLowerCase().startsWith("zh") ? "zh" : "en";
}

export function keepLanguage(language) {
  write(KEY, language);
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
}

// words: {key: [english, chinese]}; `{name}` in a sentence is filled from values.
export function translator(words, language) {
  const index = language === "zh" ? 1 : 0;
  return (key, values) => {
    const sentence = words[key] ? words[key][index] : key;
    return values ? sentence.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "") : sentence;
  };
}

const locale = (language) => (language === "zh" ? "zh-CN" : "en-GB");

export function clockTime(iso, language) {
  return new Date(iso).toLocaleTimeString(locale(language), { hour: "2-digit", minute: "2-digit" });
}

export function dayName(iso, language, today, yesterday) {
  const date = new Date(iso), now = new Date();
  const days = Math.round((startOfDay(now) - startOfDay(date)) / 86400000);
  if (days === 0) return today;
  if (days === 1) return yesterday;
  return date.toLocaleDateString(locale(language), { year: "numeric", month: "long", day: "numeric" });
}

export function dateTime(iso, language) {
  return iso ? new Date(iso).toLocaleString(locale(language), { dateStyle: "medium", timeStyle: "short" }) : "";
}

export function shortTime(iso, language) {
  const date = new Date(iso);
  const isToday = startOfDay(date) === startOfDay(new Date());
  return isToday
    ? clockTime(iso, language)
    : date.toLocaleDateString(locale(language), { month: "short", day: "numeric" });
}

export function sameDay(left, right) {
  return startOfDay(new Date(left)) === startOfDay(new Date(right));
}

function startOfDay(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

// Storage may be forbidden (a frame on somebody else's page); then nothing is remembered.
export function read(key) {
  try { return localStorage.getItem(key); } catch { return null; }
}

export function write(key, value) {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch { /* not remembered */ }
}

export function freshId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}
