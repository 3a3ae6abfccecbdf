// The grid of hits: cards, placeholders while they load, and the arrow keys.

import { PAGE, show } from "./api.js";
import { ALIKE, icon, make, picture } from "./element.js";
import { price, score, title } from "./fields.js";
import { text } from "./texts.js";

// As the columns in style.css.
const SIZES = "(min-width: 100rem) 15vw, (min-width: 64rem) 22vw, (min-width: 40rem) 30vw, 46vw";

export const similarUrl = (id) => `/?similar=${encodeURIComponent(id)}`;

/** One hit. Its button opens the item; its link leads to similar ones, and to a tab of its own if asked to. */
function card(hit, sizes = SIZES) {
  const tile = make("span", { className: "tile" });
  if (hit.image) {
    const img = picture({ loading: "lazy" });
    show(img, hit.image, [320, 640], sizes);
    tile.append(img);
  }
  const open = make(
    "button",
    { type: "button", className: "open", "aria-haspopup": "dialog" },
    tile,
    make("span", { className: "title" }, title(hit)),
    make(
      "span",
      { className: "facts" },
      make("span", { className: "price" }, price(hit.fields)),
      make("span", { className: "score", title: text("score_title") }, make("span", { className: "unseen" }, `${text("score")} `), score(hit.score)),
    ),
  );
  const similar = make(
    "a",
    { className: "similar", href: similarUrl(hit.id), "aria-label": text("similar_to", title(hit)) },
    icon(ALIKE),
    text("similar"),
  );
  const li = make("li", { className: "card" }, open, similar);
  li.dataset.id = hit.id;
  return li;
}

/** Fills the grid anew; `sizes` says how wide its tiles are, where not as wide as on the page of hits. */
export function fill(grid, hits, sizes) {
  grid.replaceChildren(...hits.map((hit) => card(hit, sizes)));
}

/** Adds a further page of hits and returns its first card. */
export function extend(grid, hits) {
  const cards = hits.map((hit) => card(hit));
  grid.append(...cards);
  return cards[0];
}

/** Empty tiles where the hits will be. */
export function wait(grid) {
  const blank = () =>
    make("li", { className: "card blank", "aria-hidden": "true" }, make("span", { className: "tile" }), make("span", { className: "line" }), make("span", { className: "line short" }));
  grid.replaceChildren(...Array.from({ length: PAGE }, blank));
}

export function focusCard(grid, id) {
  const found = [...grid.children].find((li) => li.dataset.id === id);
  found?.querySelector(".open").focus({ preventScroll: true });
}

/** Arrow keys walk from card to card; Tab still reaches everything. */
export function walk(grid, event) {
  const cards = [...grid.querySelectorAll(".card[data-id]")];
  const here = cards.indexOf(event.target.closest(".card"));
  if (here < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
  const columns = cards.findIndex((li) => li.offsetTop > cards[0].offsetTop);
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
  const there = step && cards[here + step];
  if (!there) return;
  event.preventDefault();
  there.querySelector(".open").focus();
}
