// The start page's example queries, each with the first picture that it finds; those that find nothing go.

import { show } from "./api.js";
import { make, picture } from "./element.js";
import { first } from "./request.js";
import { text } from "./texts.js";

/** Lists the queries at once; pictures follow, and where none can be had the words stand alone. */
export async function fill(list, signal) {
  const cards = text("example_queries").map((words) => {
    const tile = make("span", { className: "tile" });
    const link = make("a", { href: `/?${new URLSearchParams({ q: words })}` }, tile, make("span", {}, words));
    return { words, tile, li: make("li", {}, link) };
  });
  list.replaceChildren(...cards.map(({ li }) => li));
  list.classList.remove("bare");
  try {
    for (const { words, tile, li } of cards) {
      const hit = await first(words, { signal });
      if (!hit) li.remove();
      if (!hit?.image) continue;
      const img = picture();
      show(img, hit.image, [320, 640], "(min-width: 64rem) 12rem, 30vw");
      tile.append(img);
    }
  } catch {
    // No index yet, or gone elsewhere: the words are still worth a click.
    if (!signal.aborted) list.classList.add("bare");
  }
}
