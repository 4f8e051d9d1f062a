// The admin API, as this page speaks it.
const BASE = "/api/v1";
let csrf = "";
let onSignedOut = () => {};

export class ApiError extends Error {
  constructor(status, body) {
    const error = body?.error || {};
    super(error.message || `HTTP ${status}`);
    this.status = status;
    this.code = error.code || (status ? "internal" : "offline");
    this.field = error.field;
    this.details = error.details || {};
  }
}

export function whenSignedOut(listener) { onSignedOut = listener; }

async function call(method, path, { body, query, rev, key } = {}) {
  const url = new URL(BASE + path, location.origin);
  for (const [name, value] of Object.entries(query || {}))
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, value);
  const headers = {};
  if (method !== "GET") headers["X-CSRF-Token"] = csrf;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (rev !== undefined) headers["If-Match"] = `"${rev}"`;
  if (key) headers["Idempotency-Key"] = key;
  let answer;
  try {
    answer = await fetch(url, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new ApiError(0, { error: { code: "offline", message: "" } });
  }
  const isJson = (answer.headers.get("content-type") || "").includes("json");
  const value = answer.status === 204 ? null : isJson ? await answer.json() : await answer.text();
  if (!answer.ok) {
    if (answer.status === 401 && path !== "/session") onSignedOut();
    throw new ApiError(answer.status, value);
  }
  if (value && value.csrf !== undefined) csrf = value.csrf;
  return value;
}

export const api = {
  get: (path, query) => call("GET", path, { query }),
  post: (path, body = {}, options = {}) => call("POST", path, { body, ...options }),
  put: (path, body, options = {}) => call("PUT", path, { body, ...options }),
  patch: (path, body, options = {}) => call("PATCH", path, { body, ...options }),
  remove: (path, options = {}) => call("DELETE", path, options),
};

// Follows the live feed. `onOpen` comes at every (re)connection: lists are read again then.
export function followEvents(onItem, onOpen, onState) {
  let source, timer, closed = false, failures = 0;
  const begin = () => {
    source = new EventSource(`${BASE}/events`);
    source.onopen = () => { failures = 0; onState(true); onOpen(); };
    source.onmessage = (event) => {
      const item = JSON.parse(event.data);
      if (item.type === "reset") onOpen();
      else if (item.type !== "hello") onItem(item);
    };
    source.onerror = () => {
      onState(false);
      source.close();
      if (closed) return;
      failures += 1;
      clearTimeout(timer);
      timer = setTimeout(begin, Math.min(10000, 400 * 2 ** failures) * (0.7 + Math.random() * 0.6));
    };
  };
  begin();
  const hurry = () => { if (source.readyState === EventSource.CLOSED) { clearTimeout(timer); begin(); } };
  addEventListener("online", hurry);
  return () => { closed = true; clearTimeout(timer); source.close(); removeEventListener("online", hurry); };
}
