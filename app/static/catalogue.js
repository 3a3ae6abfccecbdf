// What the service says of its catalogue: which fields there are, and which of them a visitor chooses by.

import * as api from "./api.js";
import { isNumber } from "./filter.js";
import { language } from "./texts.js";

/** Variants of one product share a value of the first of these that the catalogue has. */
const PRODUCT = ["product", "item_group_id"];
const STOCK = ["in_stock", "availability"];
const SIZE = ["size", "sizes"];
const COLOUR = ["colour", "color"];

// Most wanted first. Fields that are not named here follow, those with the fewest values first.
const ORDER = [
  STOCK,
  ["kind", "type", "category", "product_type", "google_product_category"],
  SIZE,
  COLOUR,
  ["price"],
  ["sale_price"],
  ["brand"],
  ["material"],
  ["pattern"],
  ["gender"],
  ["age_group"],
  ["section", "department"],
].map((names) => new Set(names));
const PRICES = new Set(["price", "sale_price"]);
// Nobody chooses by these, however few values they have.
const NEVER = /^(id|title|name|description|text|image|picture|photo|url|link|sku|ean|gtin|mpn|lang|split|.*_(id|url|link|image|currency|number|nr))$/;
/** A value longer than this is prose. */
const PROSE = 40;
const MOST_VALUES = 1000;
/** A longer column is not read by anybody. */
const MOST_FACETS = 12;
/** So many fields the service counts at once. */
const MOST_COUNTED = 16;

/**
 * @typedef {object} Facet
 * @property {string} field the catalogue's column
 * @property {string} base its name without a language
 * @property {"switch" | "range" | "values"} form
 */

/** @typedef {{index: string, items: number, fields: Map<string, object>, collapse: string | null}} Catalogue */

/** @type {Promise<Catalogue> | null} */
let asked = null;

/** The catalogue, asked for once in a visit, and again after a failure. */
export function load() {
  asked ??= api.fields().then(read, (error) => {
    asked = null;
    throw error;
  });
  return asked;
}

/** Asks again; null where it is the catalogue that is known. */
export async function renewed(known) {
  asked = null;
  const now = await load();
  return now.index === known.index ? null : now;
}

function read({ index, items, fields: described }) {
  const fields = new Map(Object.entries(described));
  return { index, items, fields, collapse: productField(fields, items) };
}

/** Worth collapsing by only where several items share a value. */
function productField(fields, items) {
  const repeats = ({ type, distinct, missing }) => ["string", "integer"].includes(type) && distinct < items - missing;
  return PRODUCT.find((name) => fields.has(name) && repeats(fields.get(name))) ?? null;
}

/** A field's name without its language: `colour_de` is a colour. */
export const baseOf = (name) => name.replace(/_(de|en)$/, "");

/**
 * The facets to show, in order. A field that comes in several languages is one facet, in the visitor's own
 * unless the filter already speaks of another.
 * @returns {Facet[]}
 */
export function facets({ fields, items, collapse }, filter) {
  const families = new Map();
  for (const name of fields.keys()) families.set(baseOf(name), [...(families.get(baseOf(name)) ?? []), name]);
  const shown = [];
  for (const [family, names] of families) {
    const preferred = [names.find((name) => filter.has(name)), `${family}_${language}`, family, names[0]];
    const field = preferred.find((name) => names.includes(name));
    const form = field === collapse ? null : formOf(family, fields.get(field), items);
    if (form) shown.push({ field, base: family, form, distinct: fields.get(field).distinct });
  }
  const place = ({ base: family }) => (ORDER.findIndex((names) => names.has(family)) + 1 || ORDER.length + 1);
  shown.sort((one, other) => place(one) - place(other) || one.distinct - other.distinct);
  return shown.filter((facet, n) => n < MOST_FACETS || filter.has(facet.field)).slice(0, MOST_COUNTED);
}

/** How a field is chosen by; null where it is not: prose, identifiers, and what is the same everywhere. */
function formOf(family, description, items) {
  const { type, distinct, missing } = description;
  const there = items - missing;
  if (NEVER.test(family) || !there || !distinct) return null;
  if (distinct < 2 && !missing) return null;
  if (type === "boolean") return "switch";
  if (isNumber(description)) {
    const isIdentifier = type === "integer" && !PRICES.has(family) && there > 50 && distinct > 0.9 * there;
    return distinct < 2 || isIdentifier ? null : "range";
  }
  const values = Object.keys(description.values ?? {});
  const length = values.reduce((sum, value) => sum + value.length, 0) / values.length;
  if (!values.length || length > PROSE || distinct > MOST_VALUES) return null;
  return distinct > 12 && distinct > there / 2 ? null : "values";
}

/** How `amount` writes the numbers of a field; with a currency where all of the catalogue has the same. */
export function styleOf({ fields }, name) {
  const { values = {}, distinct } = fields.get(`${name}_currency`) ?? {};
  const isMoney = PRICES.has(name) || fields.has(`${name}_currency`);
  return { isMoney, currency: distinct === 1 ? Object.keys(values)[0] : "" };
}
export const isStock = (facet) => STOCK.includes(facet.base);
export const isSize = (facet) => SIZE.includes(facet.base);
export const isColour = (facet) => COLOUR.includes(facet.base);
