// A facet of numbers: how many items lie where, a handle at either end of what is wanted, and the ends to type.

import * as catalogues from "./catalogue.js";
import { make } from "./element.js";
import { amount, plain, sign } from "./fields.js";
import { fieldName, text } from "./texts.js";

/** An arrow key moves a handle many times; only where it comes to rest is asked for. */
const REST = 350;

/**
 * @param {catalogues.Facet} facet
 * @param {catalogues.Catalogue} catalogue
 * @param {(low: number | null, high: number | null) => void} onRange null: open
 * @returns {{element: HTMLElement, update: (counts: object, ends: [number | null, number | null]) => void}}
 */
export function rangeFacet(facet, catalogue, onRange) {
  const name = fieldName(facet.base);
  const { lowest, highest, step } = scale(catalogue.fields.get(facet.field));
  const style = catalogues.styleOf(catalogue, facet.field);
  const spoken = (value) => amount(value, style);
  const at = (value) => `${(100 * (Math.min(Math.max(value, lowest), highest) - lowest)) / (highest - lowest)}%`;

  const bars = make("div", { className: "bars", "aria-hidden": "true" });
  const handle = (which) =>
    make("input", { type: "range", min: lowest, max: highest, step, className: which, "aria-label": text(which, name) });
  const typed = (which) => make("input", { type: "text", inputMode: "decimal", autocomplete: "off", "aria-label": text(which, name) });
  const handles = [handle("lowest"), handle("highest")];
  const boxes = [typed("lowest"), typed("highest")];
  const track = make("div", { className: "track" }, make("span", { className: "rail" }), ...handles);
  const ends = make("div", { className: "ends" }, boxes[0], make("span", { "aria-hidden": "true" }, "–"), boxes[1]);
  if (style.currency) ends.append(make("span", { className: "unit", "aria-hidden": "true" }, sign(style.currency)));
  const element = make("div", { className: "range", role: "group", "aria-label": name }, bars, track, ends);
  let rest = 0;
  /** Boxes that are being typed into: what arrives meanwhile must not write over it. */
  const typing = new Set();

  const positions = () => handles.map((input) => Number(input.value));
  /** Where a handle stands at its end, that end is open. */
  const wanted = () => positions().map((value, n) => (value === [lowest, highest][n] ? null : value));

  function draw() {
    const [low, high] = positions();
    track.style.setProperty("--low", at(low));
    track.style.setProperty("--high", at(high));
    handles.forEach((input) => input.setAttribute("aria-valuetext", spoken(Number(input.value))));
    for (const bar of bars.children) bar.classList.toggle("in", Number(bar.dataset.end) > low && Number(bar.dataset.start) < high);
    // Whichever can still move lies on top where the two meet.
    handles[0].classList.toggle("top", low > (lowest + highest) / 2);
  }

  function spell(values) {
    boxes.forEach((box, n) => {
      if (!typing.has(box)) box.value = values[n] === null ? "" : plain(values[n]);
      box.placeholder = plain([lowest, highest][n]);
    });
  }

  handles.forEach((input, n) => {
    input.addEventListener("input", () => {
      clearTimeout(rest);
      const [low, high] = positions();
      if (low > high) input.value = n === 0 ? high : low;
      draw();
      spell(wanted());
    });
    input.addEventListener("change", () => {
      clearTimeout(rest);
      rest = setTimeout(() => onRange(...wanted()), REST);
    });
  });
  boxes.forEach((box) => {
    box.addEventListener("input", () => typing.add(box));
    box.addEventListener("blur", () => typing.delete(box));
    box.addEventListener("change", () => {
      typing.delete(box);
      clearTimeout(rest);
      const [low, high] = boxes.map((other) => parsed(other.value));
      onRange(...(low !== null && high !== null && low > high ? [high, low] : [low, high]));
    });
  });
  return {
    element,
    update(counts, [low, high]) {
      clearTimeout(rest);
      fillBars(bars, counts?.buckets ?? [], at);
      handles[0].value = low ?? lowest;
      handles[1].value = high ?? highest;
      draw();
      spell([low, high]);
    },
  };
}

/** From one round number to another, in round steps, a few hundred of them. */
function scale({ type, range }) {
  const [lowest, highest] = [range.buckets[0].gte, range.buckets.at(-1).lte];
  const step = 10 ** Math.floor(Math.log10((highest - lowest) / 100));
  return { lowest, highest, step: type === "integer" ? Math.max(step, 1) : step };
}

function fillBars(bars, buckets, at) {
  const most = Math.max(...buckets.map(({ count }) => count), 1);
  bars.replaceChildren(
    ...buckets.map(({ gte, lt, lte, count }) => {
      const bar = make("span");
      const end = lt ?? lte;
      Object.assign(bar.dataset, { start: gte, end });
      bar.style.left = at(gte);
      bar.style.width = `calc(${at(end)} - ${at(gte)} - 2px)`;
      // Never quite nothing: a single item among thousands is still worth a look.
      bar.style.height = count ? `${Math.max(6, (100 * count) / most)}%` : "0";
      return bar;
    }),
  );
}

/** "19,50" as well as "19.50"; null where it is no number. */
function parsed(value) {
  const written = value.replace(/[^\d.,-]/g, "").replace(",", ".");
  return written === "" || Number.isNaN(Number(written)) ? null : Number(written);
}
