// A facet of yes and no: a switch that asks for those with yes.

import { isStock } from "./catalogue.js";
import { make } from "./element.js";
import { count } from "./fields.js";
import { fieldName, text } from "./texts.js";

export const YES = "true";

/** What the switch says, and what its filter is called. */
export const switchName = (facet) => (isStock(facet) ? text("only_in_stock") : fieldName(facet.base));

/**
 * @param {import("./catalogue.js").Facet} facet
 * @param {(value: string) => void} onToggle
 * @returns {{element: HTMLElement, update: (counts: Record<string, number>, chosen: string[]) => void}}
 */
export function switchFacet(facet, onToggle) {
  const box = make("input", { type: "checkbox", role: "switch" });
  const items = make("span", { className: "count" });
  box.addEventListener("change", () => onToggle(YES));
  return {
    element: make("label", { className: "switch" }, make("span", { className: "value" }, switchName(facet)), items, box),
    update(counts, chosen) {
      box.checked = chosen.includes(YES);
      items.textContent = count(counts[YES] ?? 0);
    },
  };
}
