// The page's two dialogs: a question before something changes, and the report of a job.

import { make } from "./element.js";

const $ = (id) => document.getElementById(id);

/**
 * Asks before something is done; Escape means no.
 * @param {string} yes what the button that does it says
 * @returns {Promise<boolean>}
 */
export function ask(question, yes) {
  const dialog = $("ask");
  $("question").textContent = question;
  $("do-it").textContent = yes;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

/** Shows a page in a frame that may neither run scripts nor reach this page, its storage or the service. */
export function showReport(title, page) {
  const dialog = $("report");
  const address = URL.createObjectURL(page);
  const frame = make("iframe", { title });
  frame.setAttribute("sandbox", "");
  frame.src = address;
  $("report-title").textContent = title;
  dialog.append(frame);
  dialog.showModal();
  dialog.addEventListener("close", () => (frame.remove(), URL.revokeObjectURL(address)), { once: true });
}
