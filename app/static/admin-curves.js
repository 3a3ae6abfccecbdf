// Curves of a fine-tuning: the loss, and what it finds on the validation part.

import { make } from "./element.js";
import { language, text } from "./texts.js";

const WIDTH = 320;
const HEIGHT = 128;
const LEFT = 40;
const RIGHT = 12;
const TOP = 12;
const BOTTOM = 22;

const decimals = (value, digits) =>
  new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);

/** @typedef {{x: number, y: number}} Point */

/**
 * The points of a finished run, one an epoch; the score begins with that of the base.
 * @returns {{loss: Point[], score: Point[], axis: string}}
 */
export function fromHistory({ base, history }) {
  const named = (name) => history.filter((epoch) => Number.isFinite(epoch[name])).map((epoch) => ({ x: epoch.epoch, y: epoch[name] }));
  const before = Number.isFinite(base?.["mRR@20"]) ? [{ x: 0, y: base["mRR@20"] }] : [];
  return { loss: named("loss"), score: [...before, ...named("mRR@20")], axis: "epoch" };
}

/** Collects points from the latest values of a run that goes on. */
export function collector() {
  const points = { loss: [], score: [], axis: "step" };
  return {
    points,
    add({ stage, done, metrics = {} }) {
      if (stage !== "training") return;
      // A run that was taken up again from its checkpoint repeats some steps.
      for (const line of [points.loss, points.score]) while (line.length && line.at(-1).x > done) line.pop();
      const { loss, "mRR@20": score } = metrics;
      if (Number.isFinite(loss) && points.loss.at(-1)?.x !== done) points.loss.push({ x: done, y: loss });
      // Told with every step, but only measured once an epoch.
      if (Number.isFinite(score) && points.score.at(-1)?.y !== score) points.score.push({ x: done, y: score });
    },
  };
}

/** Both curves; a curve of less than two points is left out. */
export function draw(panel, { loss, score, axis }) {
  const curves = [];
  if (loss.length > 1) curves.push(curve(text("loss"), loss, { axis, digits: 2 }));
  if (score.length > 1) curves.push(curve(text("score"), score, { axis, digits: 3, marks: true }));
  panel.replaceChildren(...curves);
  panel.hidden = !curves.length;
}

function curve(name, points, { axis, digits, marks = false }) {
  const [first, last] = [points[0], points.at(-1)];
  const told = text("curve", name, decimals(first.y, digits), decimals(last.y, digits), text(axis), last.x);
  return make(
    "figure",
    { className: "curve" },
    make("figcaption", {}, name, make("strong", {}, decimals(last.y, digits))),
    chart(points, { told, axis, digits, marks }),
  );
}

function chart(points, { told, axis, digits, marks }) {
  const ys = points.map((point) => point.y);
  const [low, high] = [Math.min(...ys), Math.max(...ys)];
  const [from, to] = [points[0].x, points.at(-1).x];
  const across = (x) => LEFT + ((x - from) / (to - from || 1)) * (WIDTH - LEFT - RIGHT);
  const height = (y) => (high > low ? (y - low) / (high - low) : 0.5);
  const up = (y) => HEIGHT - BOTTOM - height(y) * (HEIGHT - TOP - BOTTOM);
  const svg = draft("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": told });
  for (const y of new Set([low, high])) {
    svg.append(
      draft("line", { class: "rule", x1: LEFT, x2: WIDTH - RIGHT, y1: up(y), y2: up(y) }),
      draft("text", { x: LEFT - 6, y: up(y) + 3.5, "text-anchor": "end" }, decimals(y, digits)),
    );
  }
  const path = points.map(({ x, y }, n) => `${n ? "L" : "M"}${across(x).toFixed(1)} ${up(y).toFixed(1)}`).join("");
  svg.append(draft("path", { class: "line-drawn", d: path }));
  for (const { x, y } of marks ? points : [points.at(-1)]) svg.append(draft("circle", { cx: across(x), cy: up(y), r: 3 }));
  svg.append(
    draft("text", { x: LEFT, y: HEIGHT - 5 }, String(from)),
    draft("text", { x: WIDTH - RIGHT, y: HEIGHT - 5, "text-anchor": "end" }, `${text(axis)} ${to}`),
  );
  return svg;
}

function draft(name, attributes, content = "") {
  const el = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) el.setAttribute(key, value);
  el.textContent = content;
  return el;
}
