// The page: what is looked for, the answer to it, and the way back.

import * as api from "./api.js";
import * as compare from "./compare.js";
import { make } from "./element.js";
import * as examples from "./examples.js";
import * as fields from "./fields.js";
import * as grid from "./grid.js";
import * as item from "./item.js";
import * as picture from "./picture.js";
import * as reading from "./reading.js";
import { problemText, setLanguage, text, translate } from "./texts.js";

const $ = (id) => document.getElementById(id);

/**
 * One entry of the browser's history.
 * @typedef {object} Page
 * @property {{words?: string, picture?: Blob, preview?: HTMLCanvasElement, similar?: string, compare?: {a: string, b: string}}} view
 *   what is looked for; empty on the start page. `compare` names two towers, "" for any
 * @property {object[]} hits all pages so far, or both sides
 * @property {object} [answer] the latest answer: total, took_ms; or a comparison
 * @property {object} [source] the item whose similar ones these are
 * @property {api.Problem} [problem]
 * @property {object | api.Problem} [explained] what the towers read of the words, once somebody wanted to know
 * @property {boolean} [busy] waiting for the first answer
 * @property {number} [scroll] where the visitor left it
 * @property {string} [focus] the id of the card that had the focus then
 */

/** Pages of this visit by the key in history.state, so that going back shows them as they were left, a picture's too. */
const visited = new Map();
/** @type {Page} */
let page = { view: {}, hits: [] };
let waiting = new AbortController();
/** A picture that is in the box. @type {{file: Blob, preview: HTMLCanvasElement} | null} */
let chosen = null;

// ── History ────────────────────────────────────────────────────────────────

function viewOf(address) {
  const parameters = new URL(address).searchParams;
  const similar = parameters.get("similar");
  const words = parameters.get("q")?.trim();
  if (similar) return { similar };
  const [a, b] = ["a", "b"].map((side) => parameters.get(side));
  if (words && (a ?? b) !== null) return { words, compare: { a: a ?? "", b: b ?? "" } };
  return words ? { words } : {};
}

function addressOf({ words, similar, compare: sides }) {
  if (similar) return grid.similarUrl(similar);
  if (sides) return compare.compareUrl(words, sides);
  return words ? `/?${new URLSearchParams({ q: words })}` : "/";
}

// The time tells the entries of this load from those before a reload.
const newKey = () => `${performance.timeOrigin}-${visited.size}`;

function leave() {
  page.scroll = scrollY;
  page.focus = document.activeElement?.closest(".card")?.dataset.id;
  if ($("item").open) $("item").close();
}

/** Goes to a new page of the visit. */
function go(view, source) {
  leave();
  const key = newKey();
  history.pushState({ key }, "", addressOf(view));
  enter(key, { view, source, hits: [] });
}

/** Comes to an entry of the history, whether from this load or from before it. */
function arrive(state) {
  const key = state?.key ?? newKey();
  history.replaceState({ key }, "");
  enter(key, visited.get(key) ?? { view: viewOf(location.href), hits: [] });
}

function enter(key, entered) {
  visited.set(key, entered);
  waiting.abort();
  waiting = new AbortController();
  page = entered;
  const { words = "", picture: file, preview } = page.view;
  $("words").value = words;
  hold(file ? { file, preview } : null);
  render();
  explain();
  if (page.answer) {
    scrollTo({ top: page.scroll ?? 0, behavior: "instant" });
    grid.focusCard($("grid"), page.focus);
  } else if (isStart()) {
    scrollTo({ top: 0, behavior: "instant" });
    examples.fill($("examples"), waiting.signal);
  } else {
    scrollTo({ top: 0, behavior: "instant" });
    look();
  }
}

const isStart = () => !page.view.words && !page.view.picture && !page.view.similar;

// ── Asking ─────────────────────────────────────────────────────────────────

async function look() {
  const { signal } = waiting;
  const asked = page;
  asked.busy = true;
  asked.problem = undefined;
  // Most answers are here sooner; placeholders would only flicker.
  const slow = setTimeout(render, 150);
  try {
    if (asked.view.similar && !asked.source) findSource(asked);
    asked.answer = await (asked.view.compare ? lookTwice(asked, signal) : api.search(asked.view, { signal }));
    asked.hits = asked.answer.hits;
  } catch (error) {
    if (signal.aborted) return;
    asked.problem = asProblem(error);
  } finally {
    clearTimeout(slow);
    asked.busy = false;
  }
  render();
}

/** What two towers find; the address then names both, so that it can be shared. */
async function lookTwice(asked, signal) {
  const { words } = asked.view;
  if (!asked.explained?.towers) asked.explained = await api.explain(words, { signal });
  asked.view = { words, compare: compare.pair(towersOf(asked), asked.view.compare) };
  history.replaceState(history.state, "", addressOf(asked.view));
  const answer = await api.compare(words, asked.view.compare, { signal });
  return { ...answer, hits: [...answer.a.hits, ...answer.b.hits] };
}

const towersOf = ({ explained }) => explained.towers.map((tower) => tower.text_tower);

/** What a shared link to similar items is about. Its hits do not wait for this, nor does leaving the page stop it. */
async function findSource(asked) {
  const id = asked.view.similar;
  asked.source = await api.item(id).catch(() => ({ id, fields: {}, images: [] }));
  if (asked === page) renderHeading();
}

async function lookFurther() {
  const { signal } = waiting;
  const asked = page;
  const more = $("more");
  if (more.getAttribute("aria-disabled") === "true") return;
  more.setAttribute("aria-disabled", "true");
  more.textContent = text("loading");
  try {
    const answer = await api.search(asked.view, { offset: asked.hits.length, signal });
    // An index published in between may have moved an item to the next page.
    const known = new Set(asked.hits.map((hit) => hit.id));
    const fresh = answer.hits.filter((hit) => !known.has(hit.id));
    asked.hits.push(...fresh);
    asked.answer = { ...answer, hits: asked.hits, exhausted: !fresh.length };
    grid.extend($("grid"), fresh)?.querySelector(".open").focus();
  } catch (error) {
    if (signal.aborted) return;
    asked.problem = asProblem(error);
  }
  renderSummary();
}

/** What the towers read of the words: asked for only while the visitor has it unfolded. */
async function explain() {
  const { signal } = waiting;
  const asked = page;
  if (!$("reading").open || !asked.view.words || asked.explained?.towers) return;
  asked.explained = undefined;
  renderReading();
  try {
    asked.explained = await api.explain(asked.view.words, { signal });
  } catch (error) {
    if (signal.aborted) return;
    asked.explained = asProblem(error);
  }
  renderReading();
}

function asProblem(error) {
  if (error instanceof api.Problem) return error;
  console.error(error);
  return new api.Problem("other");
}

// ── Showing ────────────────────────────────────────────────────────────────

function render() {
  document.body.classList.toggle("start", isStart());
  $("start").hidden = !isStart();
  renderHeading();
  $("comparison").hidden = !page.view.compare;
  if (page.view.compare) renderComparison();
  else if (page.busy) grid.wait($("grid"));
  else grid.fill($("grid"), page.hits);
  for (const id of ["grid", "comparison"]) $(id).setAttribute("aria-busy", Boolean(page.busy));
  renderSummary();
  renderReading();
}

function renderComparison() {
  $("grid").replaceChildren();
  if (page.explained?.towers) compare.offer($("comparison"), towersOf(page), page.view.compare);
  if (page.busy) compare.wait($("comparison"));
  else if (page.answer) compare.fill($("comparison"), page.answer);
  else compare.clear($("comparison"));
}

function heading() {
  const { words, picture: file, similar } = page.view;
  if (page.view.compare) return text("compare_title", words);
  if (similar) return text("similar_title", page.source ? fields.title(page.source) : "…");
  if (file) return words ? text("picture_words_title", words) : text("picture_title");
  return text("words_title", words);
}

function renderHeading() {
  const title = $("results-title");
  title.hidden = isStart();
  title.textContent = isStart() ? "" : heading();
  document.title = isStart() ? "Vitrine" : `${heading()} · Vitrine`;
  const source = $("source");
  const image = page.source?.images[0];
  source.hidden = !image;
  if (image) api.show(source, image, [160], "56px");
}

function renderSummary() {
  const { hits, answer } = page;
  const status = $("status");
  const more = $("more");
  status.textContent = page.busy ? text("searching") : "";
  $("single").hidden = !page.view.compare;
  $("single").href = addressOf({ words: page.view.words });
  if (page.view.compare) {
    if (!page.busy && answer) status.textContent = text("overlap", fields.count(answer.overlap), fields.count(answer.a.hits.length));
  } else if (!page.busy && answer) {
    const time = fields.milliseconds(answer.took_ms.total);
    const total = fields.count(answer.total);
    if (!hits.length) status.textContent = text("nothing");
    else if (hits.length >= answer.total) status.textContent = text("count_all", total, time);
    else status.textContent = text("count", fields.count(hits.length), total, time);
  }
  more.hidden = page.busy || !answer || page.view.compare || answer.exhausted || hits.length >= Math.min(answer.total, api.DEPTH);
  more.removeAttribute("aria-disabled");
  more.textContent = text("more");
  renderProblem();
}

function renderReading() {
  $("reading").hidden = !page.view.words;
  if (!page.explained) reading.wait($("read"));
  else if (page.explained.towers) reading.fill($("read"), page.explained.towers, compare.compareUrl(page.view.words, page.view.compare));
  else reading.fail($("read"), page.explained);
}

function renderProblem() {
  const panel = $("problem");
  panel.hidden = !page.problem;
  if (!page.problem) return panel.replaceChildren();
  const { code, detail } = page.problem;
  const [title, sentence] = problemText(code);
  panel.replaceChildren(make("h3", {}, title), make("p", {}, sentence));
  if (detail) panel.append(make("p", { className: "detail" }, detail));
  panel.append(...cures(code));
}

/** What can be done about a problem: asking again, or for another picture, where either may help. */
function cures(code) {
  const button = (name, onClick) => {
    const el = make("button", { type: "button", className: "strong" }, text(name));
    el.addEventListener("click", onClick);
    return el;
  };
  if (["image_unreadable", "too_large"].includes(code)) return [button("other_picture", () => $("file").click())];
  if (["item_not_found", "query_too_long", "tower_not_found", "space_mismatch"].includes(code)) return [];
  return [button("again", askAgain)];
}

function askAgain() {
  page.problem = undefined;
  renderProblem();
  if (page.hits.length) lookFurther();
  else look();
}

// ── The visitor's picture ──────────────────────────────────────────────────

function hold(wanted) {
  chosen = wanted;
  $("picture").hidden = !chosen;
  if (chosen) $("preview").replaceChildren(chosen.preview);
  $("words").dataset.placeholder = chosen ? "placeholder_picture" : "placeholder";
  $("words").placeholder = text($("words").dataset.placeholder);
}

async function take(file) {
  if (!file) return;
  hold(await picture.prepare(file));
  // Words that were already answered belong to the search before; new ones go with the picture.
  if ($("words").value.trim() === page.view.words) $("words").value = "";
  submit();
}

function submit() {
  const words = $("words").value.trim();
  if (chosen) go({ words, picture: chosen.file, preview: chosen.preview });
  else if (words) go(page.view.compare ? { words, compare: page.view.compare } : { words });
  else if (!isStart()) go({});
}

function similarTo(id) {
  const hit = page.hits.find((known) => known.id === id);
  go({ similar: id }, hit && { ...hit, images: hit.image ? [hit.image] : [] });
  $("results-title").focus({ preventScroll: true });
}

// ── Wiring ─────────────────────────────────────────────────────────────────

/** A link of ours, clicked plainly: stays on the page. Every other click is the browser's. */
function ownLink(event) {
  const link = event.target.closest("a[href^='/']");
  const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  if (!link || !plain) return;
  event.preventDefault();
  const view = viewOf(link.href);
  if (view.similar) return similarTo(view.similar);
  go(view);
  (view.words ? $("results-title") : $("words")).focus({ preventScroll: true });
}

function openCard(event) {
  const opened = event.target.closest(".open");
  if (!opened) return;
  const { id } = opened.closest(".card").dataset;
  item.open($("item"), page.hits.find((hit) => hit.id === id), similarTo);
}

function slash(event) {
  const typing = event.target.closest("input, textarea, [contenteditable]");
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || typing || $("item").open) return;
  event.preventDefault();
  $("words").focus();
  $("words").select();
}

function wireDrops() {
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    $("drop").hidden = false;
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) $("drop").hidden = true;
  });
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    $("drop").hidden = true;
    take(picture.among(event.dataTransfer.files));
  });
  addEventListener("paste", (event) => take(picture.among(event.clipboardData?.files)));
}

function wire() {
  $("search").addEventListener("submit", (event) => {
    event.preventDefault();
    // On a phone the keyboard would cover the answer.
    if (matchMedia("(pointer: coarse)").matches) $("words").blur();
    submit();
  });
  for (const id of ["pick", "invite"]) $(id).addEventListener("click", () => $("file").click());
  $("file").addEventListener("change", () => {
    take($("file").files[0]);
    $("file").value = ""; // so that the same picture can be chosen again
  });
  $("forget").addEventListener("click", () => {
    hold(null);
    $("words").focus();
    submit();
  });
  $("skip").addEventListener("click", (event) => {
    event.preventDefault();
    ($("results").querySelector(".open") ?? $("words")).focus();
  });
  document.addEventListener("click", ownLink);
  document.addEventListener("keydown", slash);
  for (const list of [$("grid"), ...compare.lists($("comparison"))]) {
    list.addEventListener("click", openCard);
    list.addEventListener("keydown", (event) => grid.walk(list, event));
  }
  $("comparison").addEventListener("change", () => go({ words: page.view.words, compare: compare.choice($("comparison")) }));
  $("more").addEventListener("click", lookFurther);
  $("reading").addEventListener("toggle", explain);
  $("item").addEventListener("click", (event) => {
    if (event.target === $("item")) $("item").close(); // the backdrop
  });
  for (const button of document.querySelectorAll("[data-language]")) {
    button.addEventListener("click", () => {
      setLanguage(button.dataset.language);
      translate(document);
      render();
      if (isStart()) examples.fill($("examples"), waiting.signal);
    });
  }
  wireDrops();
  history.scrollRestoration = "manual";
  addEventListener("popstate", (event) => {
    leave();
    arrive(event.state);
  });
}

translate(document);
wire();
arrive(history.state);
