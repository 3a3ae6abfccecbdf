// The column of facets: built once for a catalogue and a language, then brought up to date in place, so that
// what has the focus, is unfolded or is scrolled to stays as it is.

import * as catalogues from "./catalogue.js";
import { make } from "./element.js";
import * as filters from "./filter.js";
import { rangeFacet } from "./range-facet.js";
import { switchFacet } from "./switch-facet.js";
import { fieldName, language, text } from "./texts.js";
import { valueFacet } from "./value-facet.js";

/** So many are open at first; the others are one line each. */
const OPEN = 6;

/** What a column was built for, and its parts. */
const columns = new WeakMap();

/**
 * @param {HTMLElement} column
 * @param {{catalogue: catalogues.Catalogue, shown: catalogues.Facet[]}} about
 * @param {object} page its view's filter, and what its answer counted
 * @param {(change: (filter: filters.Filter) => filters.Filter) => void} onChange
 * @returns {boolean} whether there is anything to choose
 */
export function show(column, { catalogue, shown }, { view: { filter }, counts, answer, request }, onChange) {
  const key = JSON.stringify([catalogue.index, language, shown]);
  if (columns.get(column)?.key !== key) build(column, key, catalogue, shown, onChange);
  for (const { facet, part, chosen, element } of columns.get(column).parts) {
    const found = counts?.[facet.field] ?? {};
    const values = filter.get(facet.field) ?? [];
    part.update(found, facet.form === "range" ? filters.rangeOf(filter, facet.field) : values);
    const told = [String(values.length), make("span", { className: "unseen" }, ` ${text("chosen")}`)];
    chosen?.replaceChildren(...(values.length ? told : []));
    element.hidden = !values.length && !(found.buckets ?? Object.keys(found)).length;
  }
  const isOverAll = answer?.facets_over === "filter" && request?.min_relevance !== undefined;
  columns.get(column).over.hidden = !isOverAll;
  return columns.get(column).parts.some(({ element }) => !element.hidden);
}

function build(column, key, catalogue, facets, onChange) {
  const parts = facets.map((facet, n) => {
    const toggle = (value) => onChange((filter) => filters.toggled(filter, facet.field, value));
    if (facet.form === "switch") {
      const part = switchFacet(facet, toggle);
      return { facet, part, element: part.element };
    }
    const part =
      facet.form === "range"
        ? rangeFacet(facet, catalogue, (low, high) => onChange((filter) => filters.ranged(filter, facet.field, low, high)))
        : valueFacet(facet, toggle);
    const chosen = make("span", { className: "chosen" });
    const summary = make("summary", {}, make("h3", {}, fieldName(facet.base)), chosen);
    return { facet, part, chosen, element: make("details", { className: "facet", open: n < OPEN }, summary, part.element) };
  });
  const over = make("p", { className: "note" }, text("counted_all"));
  column.replaceChildren(...parts.map(({ element }) => element), over);
  columns.set(column, { key, parts, over });
}
