// The service's HTTP interface, as the page uses it.

export const PAGE = 24;
/** Hits on each side of a comparison. */
export const SIDE = 12;

/** A refusal by the service (problem+json), or by the network (`code` is "offline"). */
export class Problem extends Error {
  constructor(code, detail = "") {
    super(detail || code);
    this.code = code;
    this.detail = detail;
  }
}

/** The service's answer, whatever it is made of; throws a Problem where it refuses. */
export async function ask(url, options) {
  let response;
  try {
    response = await fetch(url, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("offline");
  }
  if (response.ok) return response;
  // A proxy in front of the service may answer in HTML, whatever the status.
  const body = await response.json().catch(() => null);
  options.signal?.throwIfAborted();
  throw new Problem(body?.code ?? `http_${response.status}`, body?.detail ?? body?.title);
}

async function call(url, options = {}) {
  const response = await ask(url, options);
  const body = await response.json().catch(() => null);
  options.signal?.throwIfAborted();
  if (body) return body;
  throw new Problem(`http_${response.status}`);
}

const itemUrl = (id) => `/items/${encodeURIComponent(id)}`;

/**
 * Asks for hits.
 * @param {object} request as POST /search takes it; with a `file`, as POST /search/image does
 */
export function search({ file, ...members }, { signal } = {}) {
  if (!file) {
    const headers = { "Content-Type": "application/json" };
    return call("/search", { method: "POST", headers, body: JSON.stringify(members), signal });
  }
  const body = new FormData();
  body.set("file", file, file.name ?? "picture");
  for (const [name, value] of Object.entries(members)) {
    if (value === undefined) continue;
    body.set(name, typeof value === "object" ? JSON.stringify(value) : value);
  }
  return call("/search/image", { method: "POST", body, signal });
}

/** What the catalogue's items have. Not tied to a search: whatever is looked for, it will be needed. */
export const fields = () => call("/fields");

/** The item with all its pictures. */
export const item = (id, { signal } = {}) => call(itemUrl(id), { signal });

/** What each text tower reads of the words, the active one first. */
export const explain = (words, { signal } = {}) => call(`/explain?${new URLSearchParams({ q: words })}`, { signal });

/** What two text towers find for the same words. */
export const compare = (words, { a, b }, { limit = SIDE, signal } = {}) =>
  call(`/compare?${new URLSearchParams({ q: words, a, b, limit })}`, { signal });

/** Points an <img> at a picture of the service, in the sizes that it offers. */
export function show(img, picture, widths, sizes) {
  const at = (width) => `${picture}${picture.includes("?") ? "&" : "?"}width=${width}`;
  img.sizes = sizes;
  img.srcset = widths.map((width) => `${at(width)} ${width}w`).join(", ");
  img.src = at(widths[0]);
}
