// Two models' answers to the same words, side by side.

import { write } from "./address.js";
import { make } from "./element.js";
import * as grid from "./grid.js";
import { text } from "./texts.js";

const SIDES = ["a", "b"];
const SIZES = "(min-width: 64rem) 14vw, (min-width: 40rem) 22vw, 44vw";

export const compareUrl = (words, { a = "", b = "" } = {}) => write({ words, compare: { a, b } });

/** The lists of hits, left and right. */
export const lists = (panel) => [...panel.querySelectorAll(".grid")];

const selects = (panel) => [...panel.querySelectorAll("select")];

/** Which two are meant: what the address leaves open is the active model, and another one. */
export function pair(towers, { a, b }) {
  const left = a || (towers.find((tower) => tower !== b) ?? towers[0]);
  return { a: left, b: b || (towers.find((tower) => tower !== left) ?? left) };
}

/** What can be chosen; an address may name a model that is not there, and then the choice says so too. */
export function offer(panel, towers, chosen) {
  const names = [...new Set([...towers, ...Object.values(chosen)])];
  for (const [n, select] of selects(panel).entries()) {
    select.replaceChildren(...names.map((name) => make("option", { value: name }, name)));
    select.value = chosen[SIDES[n]];
  }
}

export const choice = (panel) => Object.fromEntries(selects(panel).map((select, n) => [SIDES[n], select.value]));

export function wait(panel) {
  for (const list of lists(panel)) grid.wait(list);
}

export function clear(panel) {
  for (const list of lists(panel)) list.replaceChildren();
}

/** Both answers; every tile tells its rank, and on the right how far it has moved. */
export function fill(panel, answer) {
  const ranks = new Map(answer.changes.map((change) => [change.id, change]));
  for (const [n, list] of lists(panel).entries()) {
    grid.fill(list, answer[SIDES[n]].hits, SIZES);
    for (const card of list.children) card.querySelector(".tile").append(place(SIDES[n], ranks.get(card.dataset.id)));
  }
}

function place(side, { a, b }) {
  const badge = make("span", { className: "place" }, String(side === "a" ? a : b));
  if (a === null || b === null) badge.append(make("span", { className: "alone" }, text("only_here")));
  else if (side === "b") badge.append(...moved(a - b));
  return badge;
}

/** An arrow for the eye, words for the ear. */
function moved(places) {
  const arrow = places === 0 ? "=" : `${places > 0 ? "↑" : "↓"} ${Math.abs(places)}`;
  return [make("span", { "aria-hidden": "true" }, arrow), make("span", { className: "unseen" }, text("moved", places))];
}
