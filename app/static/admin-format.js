// Numbers and times as the operators' page writes them.

import { make } from "./element.js";
import { language } from "./texts.js";

const MINUTE = 60;
const HOUR = 60 * MINUTE;

/** Three places behind the point: measures are told apart there. */
export const measure = (value, options = {}) =>
  Number.isFinite(value)
    ? new Intl.NumberFormat(language, { minimumFractionDigits: 3, maximumFractionDigits: 3, ...options }).format(value)
    : "–";

export const change = (value) => measure(value, { signDisplay: "exceptZero" });

export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < MINUTE) return `${whole} s`;
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)} min ${whole % MINUTE} s`;
  return `${Math.floor(whole / HOUR)} h ${Math.floor((whole % HOUR) / MINUTE)} min`;
}

/** A moment in ISO 8601 as a <time>, in the reader's own time zone, or a day; anything else stays as it is. */
export function moment(iso) {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return String(iso ?? "");
  const day = /^\d{4}-\d\d-\d\d$/.test(iso);
  const style = day ? { dateStyle: "medium", timeZone: "UTC" } : { dateStyle: "medium", timeStyle: "short" };
  return make("time", { dateTime: iso }, new Intl.DateTimeFormat(language, style).format(at));
}

/** Rows of a name and what belongs to it; those without are left out. */
export function facts(rows) {
  const there = rows.filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return make(
    "dl",
    { className: "told" },
    ...there.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))),
  );
}
