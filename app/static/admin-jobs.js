// One job as a card that is filled again whenever something is new, so that what is unfolded stays so.

import { hasEnded } from "./admin-api.js";
import * as curves from "./admin-curves.js";
import { change, duration, measure, moment } from "./admin-format.js";
import { compareUrl } from "./compare.js";
import { make } from "./element.js";
import { count } from "./fields.js";
import { problemText, text } from "./texts.js";

const named = (table, name) => (Object.hasOwn(text(table), name) ? text(table)[name] : name);

export const kindOf = (job) => named("kinds", job.kind);
export const stateOf = (job) => named("states", job.state);

/**
 * @param {{cancel: (job: object, card: object) => void, report: (job: object, card: object) => void}} on
 * @returns {{li: HTMLElement, refusal: HTMLElement, fill: (job: object) => void, tick: () => void}}
 */
export function card(on) {
  const collected = curves.collector();
  let job;
  const kind = make("h3");
  const state = make("span", { className: "state" });
  const when = make("p", { className: "when" });
  const bar = make("progress", { max: 1 });
  const stage = make("span");
  const progress = make("div", { className: "progress" }, bar, stage);
  const graphs = make("div", { className: "curves" });
  const outcome = make("div", { className: "outcome" });
  const refusal = make("p", { className: "refusal", role: "alert" });
  const button = (className, act) => {
    const el = make("button", { type: "button", className });
    el.addEventListener("click", () => act(job, self));
    return el;
  };
  const report = button("small", on.report);
  const cancel = button("small", on.cancel);
  const compare = make("a", { className: "small" });
  const actions = make("div", { className: "actions" }, report, compare, cancel);
  const lines = make("pre", { tabIndex: 0 });
  const logTitle = make("summary");
  const log = make("details", {}, logTitle, lines);
  const li = make("li", { className: "job" }, make("div", { className: "title-row" }, kind, state), when, progress, graphs, outcome, refusal, actions, log);

  function fill(news) {
    job = news;
    li.dataset.id = job.id;
    li.dataset.state = job.state;
    kind.textContent = kindOf(job);
    state.textContent = stateOf(job);
    tick();
    fillProgress();
    if (job.progress) collected.add(job.progress);
    const history = job.result?.validation;
    curves.draw(graphs, Array.isArray(history?.history) ? curves.fromHistory(history) : collected.points);
    outcome.replaceChildren(...outcomeOf(job));
    fillActions();
    fillLog();
  }

  /** The times, which go on between two events. */
  function tick() {
    const begun = make("span", {}, `${text(job.started ? "started_at" : "queued_at")} `, moment(job.started ?? job.created));
    const parts = [begun, make("code", {}, job.id)];
    if (job.started) {
      const end = job.finished ? new Date(job.finished) : new Date();
      parts.splice(1, 0, make("span", {}, `${text("lasts")} ${duration((end - new Date(job.started)) / 1000)}`));
    }
    when.replaceChildren(...parts);
  }

  function fillProgress() {
    const { stage: name = "", done = 0, total = 0, eta_s: eta = null } = job.progress ?? {};
    progress.hidden = job.state !== "running";
    const title = named("stages", name);
    if (total > 0) bar.value = done / total;
    else bar.removeAttribute("value");
    bar.setAttribute("aria-label", title || stateOf(job));
    const parts = [title, total > 0 ? `${count(done)} / ${count(total)}` : "", eta ? text("eta", duration(eta)) : ""];
    stage.textContent = parts.filter(Boolean).join(" · ");
  }

  function fillActions() {
    cancel.textContent = text(cancel.ariaDisabled === "true" ? "cancelling" : "cancel_job");
    cancel.hidden = hasEnded(job);
    report.textContent = text("report");
    report.hidden = job.state !== "finished" || job.kind === "reindex";
    const { tower, parent } = job.result ?? {};
    compare.hidden = job.kind !== "finetune" || !tower || !parent;
    if (!compare.hidden) {
      compare.href = compareUrl(text("example_queries")[0], { a: parent, b: tower });
      compare.textContent = text("compare_with", parent);
    }
  }

  function fillLog() {
    log.hidden = !job.log.length;
    logTitle.textContent = text("log", count(job.log.length));
    const written = job.log.join("\n");
    if (lines.textContent === written) return;
    const atEnd = lines.scrollTop + lines.clientHeight >= lines.scrollHeight - 4;
    lines.textContent = written;
    if (atEnd) lines.scrollTop = lines.scrollHeight;
  }

  const self = { li, refusal, fill, tick };
  self.cancelling = (asked) => {
    cancel.ariaDisabled = String(asked);
    fillActions();
  };
  return self;
}

function outcomeOf({ kind, state, result, error }) {
  if (error) {
    const [title] = problemText(error.code);
    return [make("p", { className: "refusal" }, make("strong", {}, title), " ", error.detail)];
  }
  if (state !== "finished" || !result) return [];
  const sentences = { reindex: indexed, finetune: tuned, evaluate: measured }[kind]?.(result) ?? [];
  return sentences.map((sentence) => make("p", {}, sentence));
}

const indexed = (result) => [
  text("made_index", result.version, result.published),
  text("counts", ...[result.items, result.pictures, result.quarantined].map(count)),
  text("embedded", count(result.embedded), count(result.reused)),
];

function tuned({ tower, activated, reason, gate }) {
  const sentences = [activated ? text("activated", tower) : text("kept", tower, reason)];
  const [base, after, gain] = [gate?.base, gate?.tuned, gate?.gain].map((of) => of?.["mRR@20"]);
  if (gain) sentences.push(text("gain", measure(base), measure(after), change(gain.mean), change(gain.low), change(gain.high)));
  return sentences;
}

const measured = (result) =>
  Object.entries(result).map(([tower, found]) => text("measured", tower, measure(found?.["mRR@20"]), measure(found?.["hits@20"])));
