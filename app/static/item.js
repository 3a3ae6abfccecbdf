// The dialog with everything about one item.

import * as api from "./api.js";
import { ALIKE, CROSS, icon, make, picture } from "./element.js";
import { price, rows, score, title } from "./fields.js";
import { text } from "./texts.js";

const SIZES = "(min-width: 48rem) 28rem, 92vw";

/**
 * Opens at once with what the hit holds, and adds further pictures when they are known.
 * @param {(id: string) => void} onSimilar called after the dialog has closed
 */
export function open(dialog, hit, onSimilar) {
  const large = picture({ className: "large" });
  const look = (image) => {
    large.classList.remove("there", "gone");
    api.show(large, image, [640, 1280], SIZES);
  };
  const strip = make("div", { className: "strip", role: "group", "aria-label": text("pictures"), hidden: true });
  const list = make("dl");
  list.append(...rows(hit.fields).map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, linked(value)))));
  list.append(make("div", {}, make("dt", {}, "ID"), make("dd", {}, hit.id)));
  if (hit.score !== undefined) list.append(make("div", {}, make("dt", { title: text("score_title") }, text("score")), make("dd", {}, score(hit.score))));

  const close = make("button", { type: "button", className: "quiet close", "aria-label": text("close") }, icon(CROSS));
  close.addEventListener("click", () => dialog.close());
  const similar = make("button", { type: "button", className: "strong" }, icon(ALIKE), text("similar_items"));
  similar.addEventListener("click", () => {
    dialog.close();
    onSimilar(hit.id);
  });

  dialog.replaceChildren(
    close,
    make("div", { className: "pictures" }, make("div", { className: "tile" }, large), strip),
    make("div", { className: "about" }, make("h2", { id: "item-title" }, title(hit)), make("p", { className: "price" }, price(hit.fields)), similar, list),
  );
  if (hit.image) look(hit.image);
  dialog.showModal();
  dialog.scrollTop = 0;

  const closed = new AbortController();
  dialog.addEventListener("close", () => closed.abort(), { once: true });
  api.item(hit.id, closed).then(
    (item) => fillStrip(strip, item.images, look),
    () => {}, // The hit alone already makes a whole dialog.
  );
}

function fillStrip(strip, images, look) {
  if (images.length < 2) return;
  const choose = (image, chosen) => {
    look(image);
    for (const button of strip.children) button.setAttribute("aria-pressed", button === chosen);
  };
  images.forEach((image, n) => {
    const small = picture();
    api.show(small, image, [160], "72px");
    const label = text("picture_n", n + 1, images.length);
    const button = make("button", { type: "button", "aria-label": label, "aria-pressed": n === 0 }, small);
    button.addEventListener("click", () => choose(image, button));
    strip.append(button);
  });
  strip.hidden = false;
}

/** A value that is a web address as a link; nothing but http(s) is ever followed. */
function linked(value) {
  if (!/^https?:\/\/\S+$/i.test(value) || !URL.canParse(value)) return value;
  return make("a", { href: value, target: "_blank", rel: "noopener noreferrer" }, new URL(value).host);
}
