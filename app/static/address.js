// What is looked for, and the address that says so: a reload or a shared link finds it again.

import * as filter from "./filter.js";

/**
 * @typedef {object} View what is looked for; empty on the start page
 * @property {string} [words]
 * @property {Blob} [picture] a visitor's own, which no address can hold
 * @property {HTMLCanvasElement} [preview] of that picture
 * @property {string} [similar] the id of an item whose like is wanted
 * @property {{a: string, b: string}} [compare] two towers, "" for any
 * @property {filter.Filter} filter
 * @property {boolean} [literal] "ohne Ärmel" is not understood as an exclusion
 * @property {boolean} [everything] what hardly fits is shown, too
 */

/** @returns {View} */
export function read(address) {
  const parameters = new URL(address, location.href).searchParams;
  const view = { filter: filter.read(parameters) };
  const similar = parameters.get("similar");
  const words = parameters.get("q")?.trim();
  if (similar) return { ...view, similar };
  if (!words) return { filter: new Map() };
  view.words = words;
  const [a, b] = ["a", "b"].map((side) => parameters.get(side));
  if ((a ?? b) !== null) view.compare = { a: a ?? "", b: b ?? "" };
  if (parameters.has("literal")) view.literal = true;
  if (parameters.has("everything")) view.everything = true;
  return view;
}

/** @param {View} view */
export function write({ words, similar, compare, filter: wanted = new Map(), literal, everything }) {
  if (!words && !similar) return "/";
  const parameters = new URLSearchParams(similar ? { similar } : { q: words, ...compare });
  for (const [name, value] of filter.written(wanted)) parameters.append(name, value);
  if (literal) parameters.set("literal", "1");
  if (everything) parameters.set("everything", "1");
  return `/?${parameters}`;
}

export const similarTo = (id) => write({ similar: id });
