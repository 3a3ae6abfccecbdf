// The visitor's filter, and how an address and the service spell it.

/**
 * Field → the values that are wanted, as texts; of a number, one range "20..50" that may be open at an end.
 * Never changed in place: every page of the visit keeps its own.
 * @typedef {Map<string, string[]>} Filter
 */

// Keeps a shop's field from meaning something else in the address: one may well be called "q".
const PREFIX = "f.";
const TO = "..";

/** @returns {Filter} what an address's parameters say */
export function read(parameters) {
  const filter = new Map();
  for (const [name, value] of parameters) {
    if (!name.startsWith(PREFIX)) continue;
    const field = name.slice(PREFIX.length);
    filter.set(field, [...new Set([...(filter.get(field) ?? []), value])]);
  }
  return filter;
}

/** The parameters that `read` understands. */
export const written = (filter) =>
  [...filter].flatMap(([field, values]) => values.map((value) => [PREFIX + field, value]));

/** With the value if it was missing, without it if it was there. */
export function toggled(filter, field, value) {
  const values = filter.get(field) ?? [];
  return withValues(filter, field, values.includes(value) ? values.filter((other) => other !== value) : [...values, value]);
}

/** With this range alone; an end that is null is open. */
export const ranged = (filter, field, low, high) =>
  withValues(filter, field, low === null && high === null ? [] : [`${low ?? ""}${TO}${high ?? ""}`]);

export const without = (filter, field) => withValues(filter, field, []);

function withValues(filter, field, values) {
  const changed = new Map(filter);
  if (values.length) changed.set(field, values);
  else changed.delete(field);
  return changed;
}

/** How many conditions a visitor would count: every value, and every range. */
export const size = (filter) => [...filter.values()].reduce((sum, values) => sum + values.length, 0);

/** @returns {[number | null, number | null]} the ends of a field's range; null where it is open */
export function rangeOf(filter, field) {
  const [low = "", high = ""] = (filter.get(field)?.[0] ?? "").split(TO);
  return [low, high].map((end) => (end.trim() === "" || Number.isNaN(Number(end)) ? null : Number(end)));
}

export const isNumber = (description) => ["integer", "number"].includes(description?.type);

/**
 * As the service takes it; undefined where there is no condition. A field that the catalogue lacks is asked for
 * all the same: the service's refusal is better than an answer that ignores a part of the address.
 * @param {Map<string, object>} descriptions what GET /fields says of each field
 */
export function asked(filter, descriptions) {
  if (!filter.size) return undefined;
  return Object.fromEntries([...filter.keys()].map((field) => [field, condition(filter, field, descriptions.get(field))]));
}

function condition(filter, field, description) {
  if (isNumber(description)) {
    const [gte, lte] = rangeOf(filter, field);
    return { ...(gte !== null && { gte }), ...(lte !== null && { lte }) };
  }
  const type = description?.of ?? description?.type;
  const values = filter.get(field);
  return type === "string" || !description ? values : values.map(typed);
}

/** A boolean or number as JSON has it; what is neither stays a text, which the service then refuses. */
function typed(value) {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
