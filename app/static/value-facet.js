// A facet of values: boxes to tick, those with the most items first; sizes as a row of small ones.

import { isSize } from "./catalogue.js";
import { dot } from "./colours.js";
import { make } from "./element.js";
import { count } from "./fields.js";
import { fieldName, language, text } from "./texts.js";

/** What is shown before a visitor asks for all. */
const FEW = 6;
const FEW_SIZES = 20;
/** From so many on, typing finds a value sooner than reading. */
const MANY = 15;
const LETTERS = ["XXXS", "XXS", "XS", "S", "M", "L", "XL", "XXL", "2XL", "XXXL", "3XL", "4XL", "5XL"];

/**
 * @param {import("./catalogue.js").Facet} facet
 * @param {(value: string) => void} onToggle
 * @returns {{element: HTMLElement, update: (counts: Record<string, number>, chosen: string[]) => void}}
 */
export function valueFacet(facet, onToggle) {
  const name = fieldName(facet.base);
  const few = isSize(facet) ? FEW_SIZES : FEW;
  const within = make("input", { type: "search", className: "within", autocomplete: "off", placeholder: text("within", name), "aria-label": text("within", name) });
  const list = make("ul", { className: isSize(facet) ? "values sizes" : "values" });
  const none = make("p", { className: "note", hidden: true }, text("no_value"));
  const all = make("button", { type: "button", className: "all" });
  const element = make("div", { role: "group", "aria-label": name }, within, list, none, all);
  const rows = new Map();
  let [counts, chosen, unfolded] = [{}, [], false];

  function row(value) {
    if (!rows.has(value)) rows.set(value, valueRow(facet, value, () => onToggle(value)));
    return rows.get(value);
  }

  function show() {
    const values = ordered(facet, counts, chosen);
    const wanted = within.value.trim().toLocaleLowerCase(language);
    const found = values.filter((value) => value.toLocaleLowerCase(language).includes(wanted));
    const isShort = values.length <= few + 1; // a button that unfolds one value is as high as the value
    const shown = isShort || unfolded ? found : values.filter((value, n) => n < few || chosen.includes(value));
    for (const value of shown) row(value).update(counts[value] ?? 0, chosen.includes(value));
    arrange(list, shown.map((value) => row(value).element));
    list.classList.toggle("long", unfolded && values.length > MANY);
    within.hidden = !unfolded || values.length <= MANY;
    none.hidden = found.length > 0;
    all.hidden = isShort;
    all.textContent = unfolded ? text("fewer") : text("all_values", count(values.length));
    all.setAttribute("aria-expanded", unfolded);
  }

  within.addEventListener("input", show);
  all.addEventListener("click", () => {
    unfolded = !unfolded;
    within.value = "";
    show();
  });
  return {
    element,
    update(newCounts, newChosen) {
      [counts, chosen] = [newCounts, newChosen];
      show();
    },
  };
}

function valueRow(facet, value, onToggle) {
  const box = make("input", { type: "checkbox" });
  const items = make("span", { className: "count" });
  const label = make("label", { title: value }, box, ...dot(facet, value), make("span", { className: "value" }, value), items);
  box.addEventListener("change", onToggle);
  return {
    element: make("li", {}, label),
    update(found, isChosen) {
      box.checked = isChosen;
      items.textContent = count(found);
      label.classList.toggle("none", !found);
    },
  };
}

/** Those that are chosen stay there even if nothing has them any more: how else would they be let go? */
function ordered(facet, counts, chosen) {
  const values = Object.keys(counts);
  values.push(...chosen.filter((value) => !Object.hasOwn(counts, value)));
  if (isSize(facet)) return values.sort(bySize);
  // Not as they come: an object has its keys in another order where they look like numbers.
  return values.sort((one, other) => (counts[other] ?? 0) - (counts[one] ?? 0));
}

function bySize(one, other) {
  const place = (size) => {
    const letter = LETTERS.indexOf(size.toUpperCase());
    if (letter >= 0) return letter;
    const number = Number.parseFloat(size.replace(",", "."));
    return Number.isNaN(number) ? Infinity : LETTERS.length + Math.max(number, 0);
  };
  const difference = place(one) - place(other);
  return difference > 0 || difference < 0 ? difference : one.localeCompare(other, language);
}

/** Puts these into the list; the focus stays where it is. */
function arrange(list, elements) {
  if (list.children.length === elements.length && elements.every((element, n) => list.children[n] === element)) return;
  const focused = list.contains(document.activeElement) ? document.activeElement : null;
  list.replaceChildren(...elements);
  focused?.focus({ preventScroll: true });
}
