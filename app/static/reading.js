// How the model reads a query: the pieces that its tokeniser makes of the words.

import { make } from "./element.js";
import { problemText, text } from "./texts.js";

/** Stands where a word begins, in front of its first piece or alone. */
const START = "▁";

/** Before anything is known. */
export function wait(panel) {
  panel.replaceChildren(make("p", {}, text("loading")));
}

/** Folding it up and out again asks again. */
export function fail(panel, { code }) {
  panel.replaceChildren(make("p", {}, problemText(code).join(": ")));
}

/**
 * What the towers read; those that read alike are shown once, and named only where there are others.
 * @param {string} compareUrl where several towers' answers can be compared
 */
export function fill(panel, towers, compareUrl) {
  const alike = new Map();
  for (const tower of towers) {
    const pieces = JSON.stringify([tower.pieces, tower.cut]);
    alike.set(pieces, [...(alike.get(pieces) ?? []), tower]);
  }
  panel.replaceChildren(
    ...[...alike.values()].flatMap((group) => {
      const names = group.map((tower) => tower.text_tower).join(", ");
      return [...(alike.size > 1 ? [make("h3", {}, names)] : []), ...read(group[0])];
    }),
    ...(towers.length > 1 ? [make("a", { className: "way", href: compareUrl }, text("compare"))] : []),
  );
}

function read({ pieces, unknown, cut }) {
  if (!pieces.length) return [make("p", {}, text("no_pieces"))];
  const list = make("ul", { className: "pieces", dir: "auto" });
  for (const piece of pieces) {
    if (piece.text.startsWith(START) || !list.children.length) list.append(make("li"));
    list.lastChild.append(chip(piece));
  }
  const sentence = `${text("pieces", pieces.length, unknown)}.`;
  return [list, make("p", {}, cut ? `${sentence} ${text("cut")}` : sentence)];
}

/** A gap says where a word begins; only where nothing follows the mark in its piece does it show itself. */
function chip({ text: spelled, known }) {
  if (!known) return make("span", { className: "piece unknown", title: text("piece_unknown") }, visible(spelled));
  if (spelled === START) return make("span", { className: "piece start", title: text("word_start") }, START);
  return make("span", { className: "piece" }, visible(spelled.replace(START, "")));
}

/** What has no shape of its own is spelled by its number. */
function visible(spelled) {
  if (!/^[\p{C}\p{Z}\p{M}]+$/u.test(spelled)) return spelled;
  return [...spelled].map((sign) => `U+${sign.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`).join(" ");
}
