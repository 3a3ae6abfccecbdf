// The operators' page: asks for the key, shows jobs as they go on and versions as they are, and changes them.

import * as api from "./admin-api.js";
import { ask, showReport } from "./admin-dialogs.js";
import * as forms from "./admin-forms.js";
import * as jobs from "./admin-jobs.js";
import { ADMIN_TEXTS } from "./admin-texts.js";
import * as versions from "./admin-versions.js";
import { Problem } from "./api.js";
import { make } from "./element.js";
import { extend, problemText, setLanguage, text, translate } from "./texts.js";

const LOOK_MS = 10_000;
const SHOWN = 8;

const $ = (id) => document.getElementById(id);

/** What is known, by the service's last word. */
const desk = { jobs: [], towers: [], indexes: [] };
/** Each job's card by its id. */
const cards = new Map();
let shown = SHOWN;
/** The job whose events are read: the one that runs, else the next. @type {{id: string, stop: AbortController} | null} */
let followed = null;
/** Counts questions, so that a late answer does not undo a newer one. */
let turns = 0;

// ── The door ───────────────────────────────────────────────────────────────

function show(part) {
  for (const id of ["door", "closed", "desk"]) $(id).hidden = id !== part;
  $("leave").hidden = $("skip").hidden = part !== "desk";
}

/** Comes in if the key, or none, is right. */
async function enter() {
  try {
    await look();
    show("desk");
  } catch (error) {
    refused(error);
  }
}

/** Where the service does not want us, or is not there. */
function refused(error) {
  const { code } = asProblem(error);
  if (code === "unauthorized") {
    const wrong = api.hasKey();
    lock();
    $("unlock-refusal").textContent = wrong ? text("wrong_key") : "";
    $("key").focus();
  } else if (code === "admin_closed") {
    lock();
    show("closed");
  } else {
    tell($("trouble"), error);
  }
}

/** Forgets the key, and all that it has opened. */
function lock() {
  turns += 1;
  followed?.stop.abort();
  followed = null;
  api.keepKey("");
  Object.assign(desk, { jobs: [], towers: [], indexes: [] });
  cards.clear();
  shown = SHOWN;
  render();
  $("trouble").replaceChildren();
  $("key").value = "";
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close("no");
  show("door");
}

// ── Looking ────────────────────────────────────────────────────────────────

/** Asks for everything anew; throws a Problem. */
async function look() {
  const turn = ++turns;
  const found = await api.jobs(); // alone: with a wrong key one refusal is enough
  const [towers, indexes] = await Promise.all([api.towers(), api.indexes()]);
  if (turn !== turns) return;
  connected(true);
  desk.towers = towers;
  desk.indexes = indexes;
  const known = new Map(desk.jobs.map((job) => [job.id, job]));
  // An ended job changes no more, and the one that is followed is known better by its events.
  const better = (job) => known.has(job.id) && (api.hasEnded(known.get(job.id)) || job.id === followed?.id);
  for (const job of found) if (!better(job)) announce(known.get(job.id), job);
  desk.jobs = found.map((job) => (better(job) ? known.get(job.id) : job));
  render();
  follow();
}

async function lookAgain() {
  if ($("desk").hidden || document.visibilityState === "hidden") return;
  try {
    await look();
  } catch (error) {
    if (asProblem(error).code === "offline") connected(false);
    else refused(error);
  }
}

/** Reads the events of the job that runs, one stream at a time: browsers open few to one host. */
function follow() {
  const next = desk.jobs.find((job) => job.state === "running") ?? desk.jobs.findLast((job) => job.state === "queued");
  if (next?.id === followed?.id) return;
  followed?.stop.abort();
  followed = next ? { id: next.id, stop: new AbortController() } : null;
  if (followed) read(followed);
}

async function read(stream) {
  try {
    await api.follow(stream.id, { signal: stream.stop.signal, onJob: take, onConnected: connected });
  } catch (error) {
    if (stream === followed) refused(error);
  }
  if (stream !== followed) return;
  followed = null;
  await lookAgain();
}

function take(job) {
  const place = desk.jobs.findIndex(({ id }) => id === job.id);
  if (place < 0) return;
  announce(desk.jobs[place], job);
  desk.jobs[place] = job;
  cards.get(job.id)?.fill(job);
}

/** For those who do not see the page. */
function announce(before, job) {
  if (before && before.state !== job.state) say(text("news", jobs.kindOf(job), jobs.stateOf(job)));
}

function say(sentence) {
  $("status").textContent = sentence;
}

/** Told once, and taken back when the service is there again. */
function connected(there) {
  const trouble = $("trouble");
  if (there) trouble.replaceChildren();
  else if (!trouble.hasChildNodes()) trouble.textContent = text("lost");
}

// ── Showing ────────────────────────────────────────────────────────────────

function render() {
  renderJobs();
  versions.fillTowers($("towers"), desk.towers, changeTower);
  versions.fillIndexes($("indexes"), desk.indexes, changeIndex);
  $("no-indexes").hidden = desk.indexes.length > 0;
}

function renderJobs() {
  const list = $("jobs");
  const visible = desk.jobs.slice(0, shown);
  for (const [place, job] of visible.entries()) {
    if (!cards.has(job.id)) cards.set(job.id, jobs.card({ cancel, report }));
    const { li, fill } = cards.get(job.id);
    fill(job);
    // Moved only if it must be: what is moved loses the focus.
    if (list.children[place] !== li) list.insertBefore(li, list.children[place] ?? null);
  }
  while (list.children.length > visible.length) list.lastChild.remove();
  const there = new Set(desk.jobs.map((job) => job.id));
  for (const id of cards.keys()) if (!there.has(id)) cards.delete(id);
  $("no-jobs").hidden = desk.jobs.length > 0;
  $("older").hidden = desk.jobs.length <= shown;
}

function asProblem(error) {
  if (error instanceof Problem) return error;
  console.error(error);
  return new Problem("other");
}

function tell(panel, error) {
  const { code, detail } = asProblem(error);
  const [title, sentence] = problemText(code);
  panel.replaceChildren(make("strong", {}, `${title}.`), ` ${sentence}`);
  if (detail) panel.append(" ", make("span", { className: "detail" }, detail));
}

// ── Doing ──────────────────────────────────────────────────────────────────

/** Does something, and tells in the panel why it was refused. */
async function attempt(panel, action) {
  panel.replaceChildren();
  try {
    await action();
  } catch (error) {
    if (["unauthorized", "admin_closed"].includes(error.code)) refused(error);
    else tell(panel, error);
  }
}

/** The same for a button that asks first, and rests meanwhile. */
async function change({ button, panel, question, yes, action }) {
  if (button.ariaDisabled === "true" || !(await ask(question, yes))) return;
  button.ariaDisabled = "true";
  await attempt(panel, action);
  button.ariaDisabled = null;
}

async function cancel(job, card) {
  if (!(await ask(text("ask_cancel", jobs.kindOf(job)), text("do_cancel")))) return;
  card.cancelling(true);
  await attempt(card.refusal, async () => {
    take(await api.cancel(job.id));
    await lookAgain();
  });
  if (card.refusal.hasChildNodes()) card.cancelling(false);
}

const report = (job, card) =>
  attempt(card.refusal, async () => showReport(text("report_of", jobs.kindOf(job), job.id), await api.report(job.id)));

function changeTower(action, { id }, panel, button) {
  const [question, act, said] = {
    activate: [text("ask_activate_tower", id), api.activateTower, "now_active"],
    delete: [text("ask_delete", id), api.deleteTower, "deleted"],
  }[action];
  return change({ button, panel, question, yes: text(`do_${action}`), action: () => changed($("towers-title"), act(id), text(said, id)) });
}

function changeIndex(_, { version }, panel, button) {
  const action = () => changed($("indexes-title"), api.activateIndex(version), text("now_active", version));
  return change({ button, panel, question: text("ask_activate_index", version), yes: text("do_activate"), action });
}

function rollBack() {
  const back = async () => {
    const request = api.rollBack();
    await changed($("towers-title"), request, "");
    say(text("now_active", (await request).id));
  };
  return change({ button: $("rollback"), panel: $("rollback-refusal"), question: text("ask_rollback"), yes: text("do_rollback"), action: back });
}

/** Reading goes on at the heading: the button that was pressed may be gone. */
async function changed(heading, request, sentence) {
  await request;
  say(sentence);
  await lookAgain();
  heading.focus({ preventScroll: true });
}

async function started(job) {
  say(text("news", jobs.kindOf(job), jobs.stateOf(job)));
  await lookAgain();
}

// ── Wiring ─────────────────────────────────────────────────────────────────

function wire() {
  $("unlock").addEventListener("submit", (event) => {
    event.preventDefault();
    api.keepKey($("key").value.trim());
    enter();
  });
  $("leave").addEventListener("click", () => {
    lock();
    $("unlock-refusal").textContent = "";
    $("key").focus();
  });
  $("reopen").addEventListener("click", enter);
  $("rollback").addEventListener("click", rollBack);
  $("older").addEventListener("click", () => {
    const first = shown;
    shown += 20;
    renderJobs();
    $("jobs").children[first]?.querySelector("button:not([hidden]), summary")?.focus();
  });
  forms.wire(attempt, started);
  for (const button of document.querySelectorAll("[data-language]")) {
    button.addEventListener("click", () => {
      setLanguage(button.dataset.language);
      speak();
      render();
    });
  }
  setInterval(lookAgain, LOOK_MS);
  setInterval(() => {
    for (const job of desk.jobs) if (job.state === "running") cards.get(job.id)?.tick();
  }, 1000);
  document.addEventListener("visibilitychange", lookAgain);
}

function speak() {
  translate(document);
  document.title = `${text("admin")} · Vitrine`;
}

extend(ADMIN_TEXTS);
speak();
wire();
enter();
