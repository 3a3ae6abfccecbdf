// The grid of hits: cards, placeholders while they load, and the arrow keys.

import { similarTo } from "./address.js";
import { PAGE, show } from "./api.js";
import { ALIKE, icon, make, picture, thumbnail } from "./element.js";
import { count, price, score, title } from "./fields.js";
import { chosen, swatches } from "./swatches.js";
import { text } from "./texts.js";

// As the columns in style.css.
const SIZES = "(min-width: 100rem) 15vw, (min-width: 64rem) 18vw, (min-width: 40rem) 30vw, 46vw";

/**
 * One hit. Its button opens the item; its link leads to similar ones, and to a tab of its own if asked to.
 * Both are about the variant that is chosen.
 */
function card(hit, sizes = SIZES) {
  const tile = make("span", { className: "tile" });
  const name = make("span", { className: "title" });
  const cost = make("span", { className: "price" });
  const cosine = make("span", { className: "score", title: text("score_title") });
  const facts = make("span", { className: "facts" }, cost, cosine);
  const open = make("button", { type: "button", className: "open", "aria-haspopup": "dialog" }, tile, name, facts);
  const similar = make("a", { className: "similar" }, icon(ALIKE), text("similar"));
  const li = make("li", { className: "card" }, open);
  li.dataset.id = hit.id;

  function about(item) {
    tile.querySelector("img")?.remove();
    if (item.image) {
      const img = picture({ loading: "lazy" });
      show(img, item.image, [320, 640], sizes);
      tile.prepend(img);
    }
    name.textContent = title(item);
    cost.textContent = price(item.fields);
    cosine.replaceChildren(make("span", { className: "unseen" }, `${text("score")} `), score(item.score));
    similar.href = similarTo(item.id);
    similar.setAttribute("aria-label", text("similar_to", title(item)));
  }
  about(chosen(hit));
  if (hit.variants?.length) {
    const choose = (item) => {
      hit.chosen = item.id;
      about(item);
    };
    li.append(swatches(hit, choose, () => open.click()));
  }
  if (hit.duplicates?.length) li.append(folded(hit.duplicates));
  li.append(similar);
  return li;
}

/** The near twins of a hit, folded away. */
function folded(items) {
  const list = make("ul");
  for (const item of items) {
    const button = thumbnail(item.image, "56px", { className: "twin", title: title(item), "aria-label": title(item), "aria-haspopup": "dialog" });
    button.dataset.item = item.id;
    list.append(make("li", {}, button));
  }
  return make("details", { className: "twins" }, make("summary", {}, text("twins", count(items.length), items.length)), list);
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

/** Brings one hit up to date after another variant of it was chosen. */
export function renew(grid, hit) {
  const old = cardOf(grid, hit.id);
  old?.replaceWith(card(hit));
}

const cardOf = (grid, id) => [...grid.children].find((li) => li.dataset.id === id);

/** Empty tiles where the hits will be. */
export function wait(grid) {
  const blank = () =>
    make("li", { className: "card blank", "aria-hidden": "true" }, make("span", { className: "tile" }), make("span", { className: "line" }), make("span", { className: "line short" }));
  grid.replaceChildren(...Array.from({ length: PAGE }, blank));
}

export function focusCard(grid, id) {
  cardOf(grid, id)?.querySelector(".open").focus({ preventScroll: true });
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
