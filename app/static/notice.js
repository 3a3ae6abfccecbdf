// A box in place of hits: what is the matter, in words, and what can be done about it.

import { make } from "./element.js";
import { text } from "./texts.js";

/** @typedef {{title: string, sentence?: string, detail?: string, cures?: string[]}} Notice */

/**
 * @param {HTMLElement} panel
 * @param {Notice | null} notice null hides the panel
 * @param {Record<string, () => void>} actions what each cure does; its name is that of a text
 */
export function show(panel, notice, actions) {
  panel.hidden = !notice;
  panel.replaceChildren();
  if (!notice) return;
  const { title, sentence, detail, cures = [] } = notice;
  panel.append(make("h2", {}, title));
  if (sentence) panel.append(make("p", {}, sentence));
  if (detail) panel.append(make("p", { className: "detail" }, detail));
  if (cures.length) panel.append(make("div", { className: "cures" }, ...cures.map((name) => cure(name, actions[name]))));
}

export function cure(name, onClick, className = "strong") {
  const button = make("button", { type: "button", className }, text(name));
  button.addEventListener("click", onClick);
  return button;
}
