// Versions of text towers and of indexes, and what can be done with each.

import { facts, measure, moment } from "./admin-format.js";
import { compareUrl } from "./compare.js";
import { make } from "./element.js";
import { count } from "./fields.js";
import { text } from "./texts.js";

/** How many measurements of a card are shown; the whole card is folded beneath. */
const MEASURED = 3;

/** Shows them again only where something has changed: what is unfolded stays so, and the focus stays where it is. */
function lister(build) {
  let shown = "";
  return (list, found, on) => {
    const now = document.documentElement.lang + JSON.stringify(found);
    if (now === shown) return;
    shown = now;
    const focused = list.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
    const unfolded = new Set([...list.querySelectorAll("details[open]")].map((details) => details.dataset.key));
    list.replaceChildren(...found.map((one) => build(one, on, found)));
    for (const details of list.querySelectorAll("details")) details.open = unfolded.has(details.dataset.key);
    if (focused) [...list.querySelectorAll("[data-key]")].find((el) => el.dataset.key === focused)?.focus();
  };
}

/**
 * @param {(action: "activate" | "delete", tower: object, panel: HTMLElement, button: HTMLElement) => void} on
 */
export const fillTowers = lister((tower, on, all) => {
  const active = all.find((other) => other.active && other.space === tower.space);
  const other = active?.id === tower.id ? all.find(({ id, space }) => id === tower.parent?.id && space === tower.space) : active;
  const compare = other
    ? [make("a", { className: "small", href: compareUrl(text("example_queries")[0], { a: other.id, b: tower.id }) }, text("compare_with", other.id))]
    : [];
  const changes = tower.active ? [] : ["activate", "delete"];
  return version(tower, { name: tower.id, on, changes, others: compare }, [
    facts([
      [text("made"), moment(tower.created)],
      [text("parent"), tower.parent?.id],
      [text("family"), tower.family],
      [text("space"), make("code", {}, tower.space)],
      [text("quality"), quality(tower.metrics)],
    ]),
    whole(tower),
  ]);
});

/** @param {(action: "activate", version: object, panel: HTMLElement, button: HTMLElement) => void} on */
export const fillIndexes = lister((index, on) =>
  version(index, { name: index.version, on, changes: index.active ? [] : ["activate"], others: [] }, [
    facts([
      [text("made"), moment(index.created)],
      [text("content"), text("counts", count(index.items), count(index.pictures), count(index.quarantined))],
      [text("made_from"), index.catalogue?.path],
      [text("image_tower"), index.image_tower],
      [text("space"), make("code", {}, index.space)],
    ]),
  ]),
);

function version(one, { name, on, changes, others }, body) {
  const refusal = make("p", { className: "refusal", role: "alert" });
  const buttons = changes.map((action) => {
    const label = text(action);
    const el = make("button", { type: "button", className: "small", "aria-label": `${label}: ${name}` }, label);
    el.dataset.key = `${action} ${name}`;
    el.addEventListener("click", () => on(action, one, refusal, el));
    return el;
  });
  const marks = one.active ? [make("span", { className: "state" }, text("active"))] : [];
  const li = make(
    "li",
    { className: "version" },
    make("div", { className: "title-row" }, make("h3", {}, name), ...marks),
    ...body,
    refusal,
    make("div", { className: "actions" }, ...buttons, ...others),
  );
  li.dataset.id = name;
  li.dataset.active = one.active;
  return li;
}

/** What was measured on a tower, a line each: on its gate part, else wherever its card tells an mRR@20. */
function quality(metrics) {
  const lines = [];
  const { gate, passed } = metrics;
  if (gate?.base && gate?.tuned) {
    lines.push(`mRR@20 ${measure(gate.base["mRR@20"])} → ${measure(gate.tuned["mRR@20"])}, ${text(passed ? "passed" : "not_passed")}`);
  } else {
    const found = [...told(metrics)].slice(0, MEASURED);
    for (const [path, value] of found) lines.push(`${path.join(", ")}: mRR@20 ${measure(value)}`);
  }
  return lines.length ? make("ul", {}, ...lines.map((line) => make("li", {}, line))) : "";
}

function* told(metrics, path = []) {
  for (const [name, value] of Object.entries(metrics ?? {})) {
    if (name === "mRR@20" && Number.isFinite(value)) yield [path, value];
    else if (value && typeof value === "object" && !Array.isArray(value)) yield* told(value, [...path, name]);
  }
}

function whole({ active, ...card }) {
  const details = make("details", {}, make("summary", {}, text("card")), make("pre", { tabIndex: 0 }, JSON.stringify(card, null, 2)));
  details.dataset.key = `card ${card.id}`;
  return details;
}
