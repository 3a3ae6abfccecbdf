// The operators' part of the service's HTTP interface, and the key that opens it.

import { ask, Problem } from "./api.js";

/** Uploads may be no larger than this. */
export const MAX_UPLOAD = 100_000_000;

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
const ENDED = ["finished", "failed", "cancelled"];

export const hasEnded = (job) => ENDED.includes(job.state);

// ── The key: never in a URL or a cookie ────────────────────────────────────

// Storage may be forbidden; then the key is kept as long as the page is.
let key = stored();

function stored() {
  try {
    return sessionStorage.getItem("admin_key") ?? "";
  } catch {
    return "";
  }
}

export const hasKey = () => key !== "";

/** "" forgets it. */
export function keepKey(wanted) {
  key = wanted;
  try {
    if (key) sessionStorage.setItem("admin_key", key);
    else sessionStorage.removeItem("admin_key");
  } catch {
    // Then it is asked for again on the next visit.
  }
}

/** As UTF-8: fetch takes one byte for each letter of a header. */
function authorization() {
  if (!key) return {};
  return { Authorization: `Bearer ${String.fromCharCode(...new TextEncoder().encode(key))}` };
}

function call(path, { headers, ...options } = {}) {
  return ask(`/admin/${path}`, { ...options, cache: "no-store", headers: { ...authorization(), ...headers } });
}

async function answer(path, options) {
  return (await call(path, options)).json();
}

const json = (method, body) => ({ method, body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });

// ── Jobs ───────────────────────────────────────────────────────────────────

const jobPath = (id, rest = "") => `jobs/${encodeURIComponent(id)}${rest}`;

/** The newest jobs, the newest first. */
export const jobs = async () => (await answer("jobs")).jobs;

export const cancel = (id) => answer(jobPath(id, "/cancel"), { method: "POST" });

/** @returns {Promise<Blob>} a page of HTML */
export const report = async (id) => new Blob([await (await call(jobPath(id, "/report"))).blob()], { type: "text/html;charset=utf-8" });

/**
 * Both return the new job; sent again with the same `once`, the first one.
 * @param {object} wanted empty: what the current index was made from is read again
 */
export function reindex(wanted, once) {
  const { headers, ...request } = Object.keys(wanted).length ? json("POST", wanted) : { method: "POST" };
  return answer("reindex", { ...request, headers: { ...headers, "Idempotency-Key": once } });
}

export function finetune(pairs, options, once) {
  if (pairs.size > MAX_UPLOAD) throw new Problem("too_large", `${pairs.name}: ${pairs.size} > ${MAX_UPLOAD}`);
  const body = new FormData();
  body.set("pairs", pairs, pairs.name);
  body.set("options", JSON.stringify(options));
  return answer("finetune", { method: "POST", body, headers: { "Idempotency-Key": once } });
}

/**
 * Tells a job as it goes on, until it has ended; a stream that breaks is taken up where it was.
 *
 * EventSource could not send the key. Throws a Problem where the service refuses; ends quietly once aborted.
 * @param {{signal: AbortSignal, onJob: (job: object) => void, onConnected: (there: boolean) => void}} how
 */
export async function follow(id, { signal, onJob, onConnected }) {
  let last = "";
  let pause = FIRST_PAUSE_MS;
  for (;;) {
    try {
      const response = await call(jobPath(id, "/events"), { signal, headers: last ? { "Last-Event-ID": last } : {} });
      onConnected(true);
      for await (const event of events(response.body)) {
        last = event.id;
        pause = FIRST_PAUSE_MS;
        const job = JSON.parse(event.data);
        onJob(job);
        if (hasEnded(job)) return;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!mayPass(error)) throw error;
      onConnected(false);
    }
    await sleep(pause, signal);
    if (signal.aborted) return;
    pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
  }
}

/** A stream that broke off, a service that is not there or is starting again. */
const mayPass = (error) =>
  error instanceof Problem ? /^(offline|too_busy|no_index|jobs_unavailable|http_5\d\d)$/.test(error.code) : error instanceof TypeError;

/** Server-sent events: blocks of `name: value` lines, each ended by an empty line; comments begin with a colon. */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let event = {};
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (line === "" && event.data) yield event;
      if (line === "") event = {};
      const colon = line.indexOf(": ");
      if (colon > 0) event[line.slice(0, colon)] = line.slice(colon + 2);
    }
  }
}

function sleep(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}

// ── Versions ───────────────────────────────────────────────────────────────

/** Text towers by id. */
export const towers = async () => (await answer("towers")).towers;
export const activateTower = (id) => answer("towers/active", json("PUT", { id }));
export const rollBack = () => answer("towers/rollback", { method: "POST" });
export const deleteTower = (id) => call(`towers/${encodeURIComponent(id)}`, { method: "DELETE" });

/** Index versions, the newest first. */
export const indexes = async () => (await answer("indexes")).indexes;
export const activateIndex = (version) => answer("indexes/active", json("PUT", { version }));
