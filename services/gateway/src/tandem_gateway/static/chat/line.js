// The line to the gateway: one socket that comes back by itself and goes on where it stopped.
import { freshId, read, write } from "../shared/language.js";

const BACKOFF_MS = [300, 700, 1500, 3000, 6000, 12000];
const ACK_MS = 12000;
const FATAL = new Set([4403, 4404]);

export class Line {
  // on.change(): state changed; on.frames(frames), on.reset(), on.typing(frame)
  constructor(bot, on) {
    this.bot = bot;
    this.on = on;
    this.place = 0;
    this.failures = 0;
    this.state = "connecting";
    this.key = `tandem-chat:${bot}:unsent`;
    this.unsent = this.#load();
    addEventListener("online", () => this.#soon(0));
    // Another tab may have sent, or dropped, what waits here.
    addEventListener("storage", (event) => {
      if (event.key !== this.key) return;
      const sending = new Map(this.unsent.map((item) => [item.id, item]));
      this.unsent = this.#load().map((item) => sending.get(item.id) || item);
      this.on.change();
    });
  }

  open() {
    clearTimeout(this.timer);
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/chat/${this.bot}/ws`);
    this.socket = socket;
    socket.onopen = () => socket.send(JSON.stringify({ kind: "hello", after: this.place }));
    socket.onmessage = (event) => this.#take(JSON.parse(event.data));
    socket.onclose = (event) => {
      if (this.socket !== socket) return;
      this.socket = null;
      clearTimeout(this.watchdog);
      for (const item of this.unsent) item.inFlight = false;
      if (FATAL.has(event.code)) return this.#become("gone");
      this.#become("offline");
      const pause = BACKOFF_MS[Math.min(this.failures, BACKOFF_MS.length - 1)];
      this.failures += 1;
      this.#soon(pause * (0.7 + Math.random() * 0.6));
    };
  }

  say(components) {
    this.unsent.push({ id: freshId(), components, time: new Date().toISOString() });
    this.#keep();
    this.#flush();
    this.on.change();
  }

  again(id) {
    const item = this.unsent.find((one) => one.id === id);
    if (item) { item.error = null; this.#keep(); this.#flush(); this.on.change(); }
  }

  drop(id) {
    this.unsent = this.unsent.filter((one) => one.id !== id);
    this.#keep();
    this.on.change();
  }

  #become(state) {
    this.state = state;
    this.on.change();
  }

  #soon(pause) {
    if (this.state === "gone" || this.socket) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(), pause);
  }

  #take(frame) {
    if (frame.kind === "welcome") {
      if (frame.after < this.place) { this.place = frame.after; this.on.reset(); }
      this.failures = 0;
      this.#become("online");
      this.#flush();
    } else if (frame.kind === "typing") {
      this.on.typing(frame);
    } else if (frame.kind === "ack") {
      this.#acknowledged(frame.client_id);
    } else if (frame.kind === "error") {
      this.#refused(frame);
    } else if (frame.n > this.place) {
      this.place = frame.n;
      if (frame.client_id) this.#stored(frame.client_id);
      this.on.frames([frame]);
    }
  }

  #acknowledged(id) {
    const item = this.unsent.find((one) => one.id === id);
    if (!item) return;
    item.inFlight = false;
    item.kept = true;
    this.#keep();
    this.#flush();
    this.on.change();
  }

  #stored(id) {
    if (!this.unsent.some((one) => one.id === id)) return;
    this.unsent = this.unsent.filter((one) => one.id !== id);
    this.#keep();
    this.#flush();
  }

  #refused({ client_id: id, error }) {
    const item = this.unsent.find((one) => one.id === id);
    if (!item) return;
    item.inFlight = false;
    if (error.retryable) {
      clearTimeout(this.retry);
      this.retry = setTimeout(() => this.#flush(), Math.max(1500, (error.retry_after_s || 0) * 1000));
    } else {
      item.error = error;
      this.#keep();
      this.#flush();
    }
    this.on.change();
  }

  // One at a time, in order: what the other side gets is what was written.
  #flush() {
    if (this.state !== "online" || !this.socket) return;
    if (this.unsent.some((item) => item.inFlight)) return;
    const next = this.unsent.find((item) => !item.kept && !item.error);
    if (!next) return;
    next.inFlight = true;
    this.socket.send(JSON.stringify({ kind: "say", id: next.id, components: next.components }));
    clearTimeout(this.watchdog);
    this.watchdog = setTimeout(() => { if (next.inFlight) this.socket?.close(); }, ACK_MS);
  }

  #load() {
    try {
      const kept = JSON.parse(read(this.key) || "[]");
      return kept.filter((item) => item.id && Array.isArray(item.components));
    } catch { return []; }
  }

  #keep() {
    const kept = this.unsent
      .filter((item) => !item.kept)
      .map(({ id, components, time, error }) => ({ id, components, time, error }));
    write(this.key, kept.length ? JSON.stringify(kept) : null);
  }
}

// What the stored frames amount to: messages in order, each as it stands now.
export class Log {
  constructor() { this.messages = new Map(); }

  take(frame) {
    const known = this.messages.get(frame.id);
    if (frame.kind === "message") {
      this.messages.set(frame.id, { ...frame, order: known?.order ?? frame.n });
    } else if (frame.kind === "delta") {
      const text = (known?.growing ?? "") + frame.text;
      if (!known || known.growing !== undefined)
        this.messages.set(frame.id, {
          ...frame, order: known?.order ?? frame.n, growing: text, components: [{ kind: "markdown", text }],
        });
    } else if (known && frame.kind === "edited") {
      this.messages.set(frame.id, { ...known, growing: undefined, components: frame.components, edited: true });
    } else if (known && frame.kind === "deleted") {
      this.messages.set(frame.id, { ...known, growing: undefined, components: [], deleted: true });
    }
  }

  list() { return [...this.messages.values()].sort((a, b) => a.order - b.order); }

  clear() { this.messages.clear(); }
}
