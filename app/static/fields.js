// An item's fields in words: title, price, and every other value a catalogue may hold.

import { fieldName, language, text } from "./texts.js";

const number = (options) => new Intl.NumberFormat(language, options);

export const count = (value) => number().format(value);
export const percent = (value) => number({ style: "percent", maximumFractionDigits: 0 }).format(value);
export const score = (value) => number({ minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(value);
export const milliseconds = (value) =>
  number({ style: "unit", unit: "millisecond", maximumFractionDigits: value < 10 ? 1 : 0 }).format(value);

const isEmpty = (value) => value === null || value === undefined || value === "" || (Array.isArray(value) && !value.length);

/** The field in the interface's language if the catalogue has it: `title_en` before `title`, `colour_de` before `colour`. */
function inLanguage(fields, key) {
  const translated = fields[`${key}_${language}`];
  return isEmpty(translated) ? fields[key] : translated;
}

/** The item's title; its id where it has none. */
export function title(item) {
  const found = inLanguage(item.fields, "title");
  return isEmpty(found) ? item.id : plain(found);
}

/** What tells an item from the other variants of its product: its colour, if it has one. */
export function variety(item) {
  const colour = ["colour", "color"].map((key) => inLanguage(item.fields, key)).find((value) => !isEmpty(value));
  return isEmpty(colour) ? title(item) : plain(colour);
}

/** The price as the visitor would write it, or "" where there is none. */
export const price = (fields) => (isEmpty(fields.price) ? "" : money(fields.price, fields.price_currency));

/** A number of a field, as a visitor would write it: money in its currency if that is known, 20 € rather than 20,00 €. */
export function amount(value, { isMoney, currency }) {
  if (!isMoney) return number({ maximumFractionDigits: 6 }).format(value);
  return money(value, currency, Number.isInteger(value) ? { maximumFractionDigits: 0 } : {});
}

function money(value, currency, digits = {}) {
  if (typeof value !== "number") return plain(value);
  const amount = number({ minimumFractionDigits: 2, maximumFractionDigits: 2 });
  if (isEmpty(currency)) return amount.format(value);
  try {
    return number({ style: "currency", currency, ...digits }).format(value);
  } catch {
    // Not a currency code that Intl knows: show what the shop wrote.
    return `${amount.format(value)} ${plain(currency)}`;
  }
}

/** "EUR" as "€", where it has a sign. */
export function sign(currency) {
  try {
    const parts = number({ style: "currency", currency }).formatToParts(0);
    return parts.find(({ type }) => type === "currency").value;
  } catch {
    return currency;
  }
}

export function plain(value) {
  if (typeof value === "boolean") return text(value ? "yes" : "no");
  // Without grouping: it may be a year or an article number.
  if (typeof value === "number") return number({ useGrouping: false, maximumFractionDigits: 6 }).format(value);
  if (Array.isArray(value)) return value.map(plain).join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/**
 * Every field but the title, in catalogue order, each once: translations of a field and the
 * currency of a price are shown in that field's row.
 * @returns {[string, string][]} names and values
 */
export function rows(fields) {
  const shown = [];
  for (const key of Object.keys(fields)) {
    const base = key.replace(/_(de|en|currency)$/, "");
    if (base !== key && !isEmpty(fields[base])) continue;
    const value = inLanguage(fields, key);
    // A catalogue's `name` may be its title a second time.
    if (base === "title" || isEmpty(value) || value === inLanguage(fields, "title")) continue;
    const isMoney = key === "price" || !isEmpty(fields[`${key}_currency`]);
    shown.push([fieldName(key), isMoney ? money(value, fields[`${key}_currency`]) : plain(value)]);
  }
  return shown;
}
