// The variants of a product inside its hit: a row of small pictures of which one is chosen.

import { make, thumbnail } from "./element.js";
import { count, variety } from "./fields.js";
import { text } from "./texts.js";

const FEW = 5;

/** The hit and its variants, the best first. */
export const family = (hit) => [hit, ...(hit.variants ?? [])];

/** Every item inside a hit: its family and its near twins. */
export const inside = (hit) => [...family(hit), ...(hit.duplicates ?? [])];

/** The one of its family that a visitor has chosen; the hit itself until then. */
export const chosen = (hit) => family(hit).find(({ id }) => id === hit.chosen) ?? hit;

/**
 * A row of radio buttons, so that Tab passes it in one step and arrows choose.
 * @param {(item: object) => void} onChoose
 * @param {() => void} onMore asked for those that have no room
 */
export function swatches(hit, onChoose, onMore) {
  const items = family(hit);
  const shown = items.length > FEW ? items.slice(0, FEW - 1) : items;
  // What was chosen in the dialog may be one of those that have no room here.
  if (!shown.includes(chosen(hit))) shown[shown.length - 1] = chosen(hit);
  const buttons = shown.map((item) => swatch(item));
  const mark = (item) =>
    buttons.forEach((button, n) => {
      button.setAttribute("aria-checked", shown[n] === item);
      button.tabIndex = shown[n] === item ? 0 : -1;
    });
  const choose = (n) => {
    mark(shown[n]);
    onChoose(shown[n]);
  };
  buttons.forEach((button, n) => {
    button.addEventListener("click", () => choose(n));
    button.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
      if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      event.stopPropagation(); // these keys also walk from hit to hit
      const next = (n + step + shown.length) % shown.length;
      choose(next);
      buttons[next].focus();
    });
  });
  mark(chosen(hit));
  const row = make("div", { className: "swatches" }, make("div", { role: "radiogroup", "aria-label": text("variants") }, ...buttons));
  const rest = items.length - shown.length;
  if (rest > 0) {
    const more = make("button", { type: "button", className: "rest", "aria-label": text("more_variants", count(rest)) }, `+${count(rest)}`);
    more.addEventListener("click", onMore);
    row.append(more);
  }
  return row;
}

function swatch(item) {
  return thumbnail(item.image, "36px", { role: "radio", className: "swatch", title: variety(item), "aria-label": variety(item) });
}
