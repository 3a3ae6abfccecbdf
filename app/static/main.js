// The page: what is looked for, the answer to it, and the way back.

import * as address from "./address.js";
import * as api from "./api.js";
import * as catalogues from "./catalogue.js";
import * as chips from "./chips.js";
import * as compare from "./compare.js";
import * as drop from "./drop.js";
import * as examples from "./examples.js";
import * as facets from "./facets.js";
import * as fields from "./fields.js";
import * as filters from "./filter.js";
import * as grid from "./grid.js";
import * as item from "./item.js";
import * as notice from "./notice.js";
import * as picture from "./picture.js";
import * as reading from "./reading.js";
import * as request from "./request.js";
import * as scroll from "./scroll.js";
import * as sheet from "./sheet.js";
import * as summary from "./summary.js";
import { chosen as chosenOf, family, inside } from "./swatches.js";
import { setLanguage, text, translate } from "./texts.js";

const $ = (id) => document.getElementById(id);

/**
 * One entry of the browser's history.
 * @typedef {object} Page
 * @property {address.View} view what is looked for
 * @property {object[]} hits all pages so far, or both sides
 * @property {object} [answer] the latest answer: total, took_ms, next; or a comparison
 * @property {object} [request] what it is the answer to
 * @property {object} [counts] of the facets: those of the page before, until the answer is there
 * @property {object} [interpreted] how the words were understood, likewise
 * @property {boolean} [kept] the hits are those of the page before, until the answer is there
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
let page = { view: { filter: new Map() }, hits: [] };
let waiting = new AbortController();
/** A picture that is in the box. @type {{file: Blob, preview: HTMLCanvasElement} | null} */
let chosen = null;
/** @type {catalogues.Catalogue | null} */
let catalogue = null;
/** The hits that are in the grid: filling it anew would make its pictures blink. */
let drawn = null;
let lookForEnd = () => {};

// ── History ────────────────────────────────────────────────────────────────

// The time tells the entries of this load from those before a reload.
const newKey = () => `${performance.timeOrigin}-${visited.size}`;

function leave() {
  page.scroll = scrollY;
  page.focus = document.activeElement?.closest(".card")?.dataset.id;
  if ($("item").open) $("item").close();
}

/** Goes to a new page of the visit. */
function go(view, rest = {}) {
  leave();
  const key = newKey();
  history.pushState({ key }, "", address.write(view));
  enter(key, { hits: [], ...rest, view: { filter: new Map(), ...view } });
}

/** Looks for the same under other conditions; what is there stays until the answer comes. */
function refine(changed) {
  const { view, hits, counts, interpreted, source, explained } = page;
  const isGoing = document.activeElement?.closest("#nothing, #problem, #end");
  go({ ...view, ...changed }, { hits, counts, interpreted, source, explained, kept: true });
  if (isGoing) $("results-title").focus({ preventScroll: true });
}

/** Comes to an entry of the history, whether from this load or from before it. */
function arrive(state) {
  const key = state?.key ?? newKey();
  history.replaceState({ key }, "");
  enter(key, visited.get(key) ?? { view: address.read(location.href), hits: [] });
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
    return;
  }
  if (!page.kept || scrollY > $("results").offsetTop) scrollTo({ top: 0, behavior: "instant" });
  if (isStart()) examples.fill($("examples"), waiting.signal);
  else look();
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
    await (asked.view.compare ? lookTwice(asked, signal) : lookOnce(asked, signal));
  } catch (error) {
    if (signal.aborted) return;
    asked.problem = asProblem(error);
    asked.hits = [];
  } finally {
    clearTimeout(slow);
    asked.busy = false;
  }
  asked.kept = false;
  render();
}

async function lookOnce(asked, signal) {
  catalogue = await catalogues.load();
  signal.throwIfAborted();
  const ask = () => request.send(request.compose(asked.view, catalogue), { signal });
  const { answer, request: sent } = await ask().catch(async (error) => {
    // What is asked for was there when the fields were read; since then the catalogue may have been renewed.
    const renewed = ["unknown_field", "bad_value"].includes(error.code) && (await catalogues.renewed(catalogue));
    if (!renewed) throw error;
    catalogue = renewed;
    return ask();
  });
  Object.assign(asked, { answer, request: sent, hits: answer.hits, counts: answer.facets, interpreted: answer.interpreted });
  if (answer.index !== catalogue.index) await catalogues.renewed(catalogue);
}

/** What two towers find; the address then names both, so that it can be shared. */
async function lookTwice(asked, signal) {
  const { words } = asked.view;
  if (!asked.explained?.towers) asked.explained = await api.explain(words, { signal });
  asked.view = { ...asked.view, compare: compare.pair(towersOf(asked), asked.view.compare) };
  history.replaceState(history.state, "", address.write(asked.view));
  asked.answer = await api.compare(words, asked.view.compare, { signal });
  asked.hits = [...asked.answer.a.hits, ...asked.answer.b.hits];
}

const towersOf = ({ explained }) => explained.towers.map((tower) => tower.text_tower);

/** What a shared link to similar items is about. Its hits do not wait for this, nor does leaving the page stop it. */
async function findSource(asked) {
  const id = asked.view.similar;
  asked.source = await api.item(id).catch(() => ({ id, fields: {}, images: [] }));
  if (asked === page) renderHeading();
}

/** @param {boolean} byHand whoever pressed the button goes on from the first of the new hits */
async function lookFurther(byHand) {
  const { signal } = waiting;
  const asked = page;
  const more = $("more");
  if (more.hidden || more.getAttribute("aria-disabled") === "true") return;
  more.setAttribute("aria-disabled", "true");
  more.textContent = text("loading");
  try {
    const { answer } = await request.send({ ...asked.request, cursor: asked.answer.next, facets: undefined }, { signal });
    asked.hits.push(...answer.hits);
    asked.answer = { ...asked.answer, next: answer.next, took_ms: answer.took_ms };
    const first = grid.extend($("grid"), answer.hits);
    if (byHand) first?.querySelector(".open").focus();
  } catch (error) {
    if (signal.aborted) return;
    asked.problem = asProblem(error);
  }
  renderSummary();
}

/** Counts anew for a column that has other fields now: those in the other language. */
async function countAgain() {
  const { signal } = waiting;
  const asked = page;
  if (!asked.request || isStart() || asked.view.compare) return;
  try {
    const { answer } = await request.send({ ...asked.request, facets: request.counted(asked.view, catalogue), limit: 1 }, { signal });
    asked.counts = answer.facets;
  } catch {
    return; // The hits are there; the next search counts as well.
  }
  renderFacets();
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
  else renderGrid();
  const isPending = !isStart() && !page.answer && !page.problem; // also in the moment before placeholders show it
  for (const id of ["grid", "comparison"]) $(id).setAttribute("aria-busy", Boolean(page.busy || isPending));
  renderFacets();
  renderSummary();
  renderReading();
}

function renderGrid() {
  const isWaiting = page.busy && !page.kept;
  $("grid").classList.toggle("stale", Boolean(page.busy && page.kept));
  if (isWaiting) grid.wait($("grid"));
  else if (drawn !== page.hits) grid.fill($("grid"), page.hits);
  drawn = isWaiting ? null : page.hits;
}

function renderComparison() {
  $("grid").replaceChildren();
  drawn = null;
  if (page.explained?.towers) compare.offer($("comparison"), towersOf(page), page.view.compare);
  if (page.busy) compare.wait($("comparison"));
  else if (page.answer) compare.fill($("comparison"), page.answer);
  else compare.clear($("comparison"));
}

/** The column, the button that opens it on a narrow screen, and the chips. */
function renderFacets() {
  const isFaceted = !isStart() && !page.view.compare;
  const shown = isFaceted && page.counts ? catalogues.facets(catalogue, page.view.filter) : [];
  const isChoice = shown.length > 0 && facets.show($("facets"), { catalogue, shown }, page, changeFilter);
  $("side").hidden = !isFaceted;
  // Until the first answer the column keeps its place.
  $("side").classList.toggle("none", !isChoice && !page.busy);
  $("filters").hidden = !isChoice;
  const active = filters.size(page.view.filter);
  $("active").hidden = !active;
  $("active").textContent = active;
  $("filters").setAttribute("aria-label", active ? `${text("filters")}: ${text("filters_active", active)}` : text("filters"));
  $("reset").disabled = !active;
  $("apply").textContent = page.answer && !page.answer.next ? text("show_items", fields.count(page.hits.length)) : text("show_all");
  if (!isFaceted || !catalogue) $("chips").hidden = true;
  else if (chips.show($("chips"), page, catalogue, refine) === "focus lost") $("results-title").focus({ preventScroll: true });
}

const changeFilter = (change) => refine({ filter: change(page.view.filter) });

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
  $("status").textContent = summary.status(page);
  $("single").hidden = !page.view.compare;
  $("single").href = address.write({ words: page.view.words });
  const more = $("more");
  more.hidden = Boolean(page.busy || page.problem || page.view.compare || !page.answer?.next);
  more.removeAttribute("aria-disabled");
  more.textContent = text("more");
  $("end").hidden = !summary.isAtEnd(page);
  $("end").replaceChildren(...($("end").hidden ? [] : [`${text("end_fitting")} `, notice.cure("show_anyway", showEverything, "plain")]));
  notice.show($("nothing"), summary.nothing(page), cures);
  notice.show($("problem"), page.problem ? summary.problem(page) : null, cures);
  lookForEnd();
}

function renderReading() {
  $("reading").hidden = !page.view.words;
  if (!page.explained) reading.wait($("read"));
  else if (page.explained.towers) reading.fill($("read"), page.explained.towers, compare.compareUrl(page.view.words, page.view.compare));
  else reading.fail($("read"), page.explained);
}

// ── What a visitor can do where there are no hits ──────────────────────────

const resetFilter = () => refine({ filter: new Map() });
const showEverything = () => refine({ everything: true });

function askAgain() {
  page.problem = undefined;
  renderSummary();
  if (page.hits.length) lookFurther(true);
  else look();
}

const cures = {
  reset: resetFilter,
  show_anyway: showEverything,
  again: askAgain,
  search_again: look,
  other_picture: () => $("file").click(),
};

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

/** New words are looked for under the filter that is there: its chips say so, and can be taken away. */
function submit() {
  const words = $("words").value.trim();
  const { filter } = page.view;
  if (chosen) go({ words, picture: chosen.file, preview: chosen.preview, filter });
  else if (words) go({ words, compare: page.view.compare, filter });
  else if (!isStart()) go({});
}

/** A hit of this page, or an item inside one. */
function itemOf(id) {
  return page.hits.flatMap(inside).find((known) => known.id === id);
}

function similarTo(id) {
  const found = itemOf(id);
  go({ similar: id }, { source: found && { ...found, images: found.image ? [found.image] : [] } });
  $("results-title").focus({ preventScroll: true });
}

// ── Wiring ─────────────────────────────────────────────────────────────────

/** A link of ours, clicked plainly: stays on the page. Every other click is the browser's. */
function ownLink(event) {
  const link = event.target.closest("a[href^='/']");
  const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  if (!link || !plain) return;
  event.preventDefault();
  const view = address.read(link.href);
  if (view.similar) return similarTo(view.similar);
  go(view);
  (view.words ? $("results-title") : $("words")).focus({ preventScroll: true });
}

function openCard(event) {
  const twin = event.target.closest(".twin");
  if (twin) return item.open($("item"), itemOf(twin.dataset.item), { variants: [], onSimilar: similarTo });
  const opened = event.target.closest(".open");
  if (!opened) return;
  const asked = page;
  const hit = page.hits.find(({ id }) => id === opened.closest(".card").dataset.id);
  const before = chosenOf(hit);
  const onVariant = (variant) => (hit.chosen = variant.id);
  item.open($("item"), before, { variants: family(hit), onVariant, onSimilar: similarTo });
  const close = () => {
    if (page !== asked || chosenOf(hit) === before) return;
    grid.renew($("grid"), hit);
    grid.focusCard($("grid"), hit.id);
  };
  $("item").addEventListener("close", close, { once: true });
}

function slash(event) {
  const typing = event.target.closest("input, textarea, [contenteditable]");
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || typing || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  $("words").focus();
  $("words").select();
}

function speak(language) {
  setLanguage(language);
  translate(document);
  drawn = null;
  render();
  countAgain();
  if (isStart()) examples.fill($("examples"), waiting.signal);
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
  $("comparison").addEventListener("change", () => go({ ...page.view, compare: compare.choice($("comparison")) }));
  $("more").addEventListener("click", () => lookFurther(true));
  lookForEnd = scroll.watch($("more"), () => lookFurther(false));
  $("reading").addEventListener("toggle", explain);
  $("item").addEventListener("click", (event) => {
    if (event.target === $("item")) $("item").close(); // the backdrop
  });
  sheet.wire($("sheet"), $("facets"), $("filters"));
  $("reset").addEventListener("click", resetFilter);
  for (const button of document.querySelectorAll("[data-language]")) {
    button.addEventListener("click", () => speak(button.dataset.language));
  }
  drop.wire($("drop"), (files) => take(picture.among(files)));
  history.scrollRestoration = "manual";
  addEventListener("popstate", (event) => {
    if ($("sheet").open) $("sheet").close();
    leave();
    arrive(event.state);
  });
}

translate(document);
wire();
arrive(history.state);
