// The chips above the hits: what is filtered by, and how the words were understood; each can be taken away.

import * as catalogues from "./catalogue.js";
import { CROSS, icon, make } from "./element.js";
import { amount } from "./fields.js";
import * as filters from "./filter.js";
import { switchName, YES } from "./switch-facet.js";
import { fieldName, text } from "./texts.js";

// The usual ones: after any other, the chip says it in the page's language.
const EXCLUDERS = /(?:^|\s)(ohne|nicht|kein(?:e[nmrs]?)?|without|not|no|sans|pas|senza|non|sin|zonder|geen|niet|bez|nie)\s+$/i;

/**
 * @param {HTMLUListElement} list
 * @param {{view: import("./address.js").View, interpreted?: {excluded?: string[], normalised?: string}}} page
 * @param {catalogues.Catalogue} catalogue
 * @param {(changed: object) => void} onChange what shall be otherwise in the view
 * @returns {"focus lost" | undefined} the focus was on a chip, and no chip is left
 */
export function show(list, { view, interpreted = {} }, catalogue, onChange) {
  const chips = [...understood(view, interpreted, onChange), ...filtered(view, catalogue, onChange)];
  const focused = [...list.children].findIndex((li) => li.contains(document.activeElement));
  list.replaceChildren(...chips.map((element) => make("li", {}, element)));
  list.hidden = !chips.length;
  if (focused < 0) return undefined;
  const buttons = list.querySelectorAll("button");
  buttons[Math.min(focused, buttons.length - 1)]?.focus({ preventScroll: true });
  return buttons.length ? undefined : "focus lost";
}

function understood(view, { excluded, normalised }, onChange) {
  const chips = [];
  for (const words of view.literal ? [] : (excluded ?? [])) {
    const without = excluder(normalised ?? view.words, words);
    const struck = [`${without} `, make("s", {}, words)];
    chips.push(chip(text("take_words", `${without} ${words}`), () => onChange({ literal: true }), ...struck));
  }
  if (view.literal) chips.push(chip(text("understand"), () => onChange({ literal: undefined }), text("literal")));
  if (view.everything) chips.push(chip(text("fitting_only"), () => onChange({ everything: undefined }), text("everything")));
  if (normalised && !isAlike(normalised, view.words)) chips.push(make("span", { className: "read", title: normalised }, text("read_as", normalised)));
  return chips;
}

/** As the visitor has said it: "nicht gestreift", not "ohne gestreift"; "ohne" where that cannot be told. */
function excluder(query, excluded) {
  const at = query.toLocaleLowerCase().indexOf(excluded.toLocaleLowerCase());
  // "kolsuz" excludes "kollu", which the query has not.
  return (at >= 0 && query.slice(0, at).match(EXCLUDERS)?.[1]) || text("without");
}

const isAlike = (one, other) => one.trim().toLocaleLowerCase() === other?.trim().toLocaleLowerCase();

function filtered({ filter }, catalogue, onChange) {
  const chips = [...filter].flatMap(([field, values]) =>
    values.map((value) => {
      const name = spelled(catalogue, filter, field, value);
      const isRange = filters.isNumber(catalogue.fields.get(field));
      const rest = isRange ? filters.without(filter, field) : filters.toggled(filter, field, value);
      return chip(text("drop_filter", name), () => onChange({ filter: rest }), name);
    }),
  );
  if (chips.length < 2) return chips;
  const reset = make("button", { type: "button", className: "reset" }, text("reset"));
  reset.addEventListener("click", () => onChange({ filter: new Map() }));
  return [...chips, reset];
}

function spelled(catalogue, filter, field, value) {
  const base = catalogues.baseOf(field);
  const description = catalogue.fields.get(field);
  if (description?.type === "boolean") {
    return value === YES ? switchName({ base }) : `${fieldName(base)}: ${text("no")}`;
  }
  if (!filters.isNumber(description)) return `${fieldName(base)}: ${value}`;
  const style = catalogues.styleOf(catalogue, field);
  const [low, high] = filters.rangeOf(filter, field).map((end) => (end === null ? null : amount(end, style)));
  return `${fieldName(base)}: ${text("range", low, high)}`;
}

function chip(label, onClick, ...content) {
  const el = make("button", { type: "button", className: "chip", "aria-label": label }, make("span", {}, ...content), icon(CROSS));
  el.addEventListener("click", onClick);
  return el;
}
