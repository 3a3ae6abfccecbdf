// Makes elements. Text always goes in as text, never as HTML: a catalogue may hold anything.

import { show } from "./api.js";

/** `make("p", {className: "note"}, "text", child)`; names with a dash become attributes, the others properties. */
export function make(name, properties = {}, ...children) {
  const el = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-") || key === "role") el.setAttribute(key, value);
    else el[key] = value;
  }
  el.append(...children);
  return el;
}

/** A line drawing of 24 × 24. */
export function icon(path) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

export const CROSS = "M6 6l12 12M18 6L6 18";
export const ALIKE = "M4 4h10v10H4zM10 10h10v10H10z";

/** A button that is a small picture; an empty one where there is none. */
export function thumbnail(image, sizes, properties, loading = "lazy") {
  const img = picture({ loading });
  if (image) show(img, image, [160], sizes);
  return make("button", { type: "button", ...properties }, img);
}

/** An <img> that fades in, and gives way to its empty tile when the picture is gone. */
export function picture(properties) {
  const img = make("img", { alt: "", draggable: false, ...properties });
  img.addEventListener("load", () => img.classList.add("there"));
  img.addEventListener("error", () => img.classList.add("gone"));
  return img;
}
