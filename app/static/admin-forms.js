// The forms that start a job.

import * as api from "./admin-api.js";
import { text } from "./texts.js";

const filled = (values) => Object.fromEntries(Object.entries(values).filter(([, value]) => value !== "" && value !== false));

const FORMS = {
  finetune: ({ pairs, out, epochs, trainable, device, precision, microbatch, gradient_checkpointing, activate }, once) =>
    api.finetune(
      pairs.files[0],
      filled({
        out: out.value.trim(),
        epochs: epochs.valueAsNumber,
        trainable: trainable.value,
        device: device.value,
        precision: precision.value,
        microbatch: microbatch.valueAsNumber || "",
        gradient_checkpointing: gradient_checkpointing.checked,
        activate: activate.checked,
      }),
      once,
    ),
  reindex: ({ catalogue, images, full }, once) =>
    api.reindex(filled({ catalogue: catalogue.value.trim(), images: images.value.trim(), full: full.checked }), once),
};

// crypto.randomUUID exists only where the page comes over HTTPS or from this machine.
const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/**
 * @param {(panel: HTMLElement, action: () => Promise<void>) => Promise<void>} attempt tells in the panel what went wrong
 * @param {(job: object) => Promise<void>} started
 */
export function wire(attempt, started) {
  for (const [id, send] of Object.entries(FORMS)) wireOne(document.getElementById(id), send, attempt, started);
}

function wireOne(form, send, attempt, started) {
  const button = form.querySelector("[type=submit]");
  // The same until something is changed: sent again after a lost answer, it starts no second job.
  let once = newKey();
  form.addEventListener("input", () => (once = newKey()));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.ariaDisabled === "true") return;
    button.ariaDisabled = "true";
    button.textContent = text("sending");
    await attempt(form.querySelector(".refusal"), async () => {
      const job = await send(form.elements, once);
      form.reset();
      once = newKey();
      await started(job);
    });
    button.ariaDisabled = null;
    button.textContent = text(button.dataset.text);
  });
}
