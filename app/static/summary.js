// What an answer amounts to, in words: how much was found, that nothing was, or what went wrong.

import * as fields from "./fields.js";
import { inside } from "./swatches.js";
import { problemText, text } from "./texts.js";

/** @typedef {import("./notice.js").Notice} Notice */

/** Hits that hardly fit were left out. */
const isCut = ({ request }) => request?.min_relevance !== undefined;

/** One line for the status of the page. */
export function status(page) {
  const { busy, answer, hits, view } = page;
  if (busy) return text("searching");
  if (!answer) return "";
  if (view.compare) return text("overlap", fields.count(answer.overlap), fields.count(answer.a.hits.length));
  if (!hits.length) return nothing(page).title;
  const time = fields.milliseconds(answer.took_ms.total);
  if (!answer.next) return text("count_all", fields.count(hits.length), time);
  return text("count", fields.count(hits.length), fields.count(answer.total), time);
}

/** @returns {Notice | null} what stands in place of hits where an answer has none */
export function nothing(page) {
  const { busy, answer, hits, view } = page;
  if (busy || !answer || hits.length || view.compare) return null;
  const reset = view.filter.size ? ["reset"] : [];
  if (!answer.total && view.filter.size) return { title: text("filtered_out"), sentence: text("filtered_out_hint"), cures: reset };
  if (!isCut(page)) return { title: text("nothing"), cures: reset };
  return { title: text("unfitting"), sentence: text("unfitting_hint", fields.count(answer.total)), cures: ["show_anyway", ...reset] };
}

/** What fits has come to an end before the items have. */
export function isAtEnd(page) {
  const { busy, answer, hits, view } = page;
  if (busy || view.compare || !answer || answer.next || !hits.length || !isCut(page)) return false;
  return hits.flatMap(inside).length < answer.total;
}

/** @returns {Notice} what went wrong, and what can be done about it where anything can */
export function problem({ problem: { code, detail }, view }) {
  const [title, sentence] = problemText(code);
  return { title, sentence, detail, cures: cures(code, view) };
}

function cures(code, view) {
  if (["image_unreadable", "too_large"].includes(code)) return ["other_picture"];
  if (["item_not_found", "query_too_long", "tower_not_found", "space_mismatch"].includes(code)) return [];
  if (["unknown_field", "bad_value"].includes(code)) return view.filter.size ? ["reset"] : [];
  return code === "cursor_expired" ? ["search_again"] : ["again"];
}
