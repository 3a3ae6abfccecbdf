// The dialog with everything about one item.

import * as api from "./api.js";
import { ALIKE, CROSS, icon, make, picture, thumbnail } from "./element.js";
import { percent, price, rows, score, title, variety } from "./fields.js";
import { text } from "./texts.js";

const SIZES = "(min-width: 48rem) 28rem, 92vw";

/**
 * Opens at once with what the hit holds, and adds further pictures when they are known.
 * @param {HTMLDialogElement} dialog
 * @param {object} item
 * @param {object} around
 * @param {object[]} around.variants the item among the variants of its product, if there are others
 * @param {(item: object) => void} around.onVariant
 * @param {(id: string) => void} around.onSimilar called after the dialog has closed
 */
export function open(dialog, item, around) {
  const closed = new AbortController();
  dialog.addEventListener("close", () => closed.abort(), { once: true });
  fill(dialog, item, around, closed.signal);
  dialog.showModal();
  dialog.scrollTop = 0;
}

function fill(dialog, item, around, signal) {
  const { variants, onVariant, onSimilar } = around;
  const large = picture({ className: "large" });
  const look = (image) => {
    large.classList.remove("there", "gone");
    api.show(large, image, [640, 1280], SIZES);
  };
  const strip = make("div", { className: "strip", role: "group", "aria-label": text("pictures"), hidden: true });

  const close = make("button", { type: "button", className: "quiet close", "aria-label": text("close") }, icon(CROSS));
  close.addEventListener("click", () => dialog.close());
  const similar = make("button", { type: "button", className: "strong" }, icon(ALIKE), text("similar_items"));
  similar.addEventListener("click", () => {
    dialog.close();
    onSimilar(item.id);
  });
  const about = make("div", { className: "about" }, make("h2", { id: "item-title" }, title(item)), make("p", { className: "price" }, price(item.fields)));
  if (variants.length > 1) {
    const choose = (variant) => {
      onVariant(variant);
      fill(dialog, variant, around, signal);
      dialog.querySelector('.family [aria-pressed="true"]').focus();
    };
    about.append(choices(variants, item, choose));
  }
  about.append(similar, facts(item));
  dialog.replaceChildren(close, make("div", { className: "pictures" }, make("div", { className: "tile" }, large), strip), about);

  if (item.image) look(item.image);
  api.item(item.id, { signal }).then(
    ({ images }) => fillStrip(strip, images, look),
    () => {}, // The hit alone already makes a whole dialog.
  );
}

function facts(item) {
  const list = make("dl");
  const row = (name, value, told = {}) => list.append(make("div", {}, make("dt", told, name), make("dd", {}, value)));
  for (const [name, value] of rows(item.fields)) row(name, linked(value));
  row("ID", item.id);
  if (item.score !== undefined) row(text("score"), score(item.score), { title: text("score_title") });
  if (typeof item.relevance === "number") row(text("relevance"), percent(item.relevance), { title: text("relevance_title") });
  return list;
}

function choices(variants, item, onChoose) {
  const group = make("div", { className: "strip family", role: "group", "aria-label": text("variants") });
  for (const variant of variants) {
    const button = thumbnail(variant.image, "72px", { title: variety(variant), "aria-label": variety(variant), "aria-pressed": variant.id === item.id }, "eager");
    button.addEventListener("click", () => onChoose(variant));
    group.append(button);
  }
  return group;
}

function fillStrip(strip, images, look) {
  if (images.length < 2) return;
  const choose = (image, chosen) => {
    look(image);
    for (const button of strip.children) button.setAttribute("aria-pressed", button === chosen);
  };
  images.forEach((image, n) => {
    const button = thumbnail(image, "72px", { "aria-label": text("picture_n", n + 1, images.length), "aria-pressed": n === 0 }, "eager");
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
