// Dots in the colour that a word names, in German and English: a facet of colours is seen sooner than read.

import { isColour } from "./catalogue.js";
import { make } from "./element.js";

// The last part of a word decides: "dunkelblau", "dark blue" and "blue-green" are a blue, a blue and a green.
const COLOURS = {
  "#1d1b1a": "schwarz black",
  "#ffffff": "weiß weiss white",
  "#f4efe1": "creme cream ecru écru ivory elfenbein offwhite natur",
  "#8d8d8d": "grau grey gray anthrazit anthracite silber silver",
  "#c9312c": "rot red",
  "#7b1e2e": "bordeaux weinrot burgundy maroon",
  "#e79ab0": "rosa pink rosé rose",
  "#d9417f": "magenta fuchsia pinkfarben",
  "#e8823a": "orange",
  "#f08b77": "apricot koralle coral lachs salmon peach",
  "#eac33b": "gelb yellow gold senf mustard",
  "#4c8a4a": "grün gruen green",
  "#7b7d4a": "oliv olive khaki olivgrün",
  "#3fa7a1": "türkis turquoise petrol teal mint",
  "#3c68b0": "blau blue jeans denim",
  "#22315c": "navy marine dunkelblau",
  "#7a4f99": "lila violett purple violet mole flieder lilac lavender",
  "#7a5235": "braun brown cognac",
  "#d8c4a3": "beige sand camel taupe nude",
};
const NAMES = Object.entries(COLOURS).flatMap(([colour, names]) => names.split(" ").map((name) => [name, colour]));
const LIGHT = /^(hell|light|pale|pastell|zart)/;
const DARK = /^(dunkel|dark|tief|deep)/;

/** @returns {HTMLElement[]} none where the facet is none of colours, or the word is not known */
export function dot(facet, value) {
  const colour = isColour(facet) ? colourOf(value.toLowerCase()) : null;
  if (!colour) return [];
  const el = make("span", { className: "dot", "aria-hidden": "true" });
  el.style.background = colour;
  return [el];
}

function colourOf(value) {
  const word = value.split(/[\s/_-]+/).at(-1);
  const exact = NAMES.find(([name]) => name === word && word === value);
  const [, colour] = exact ?? NAMES.find(([name]) => word.endsWith(name)) ?? [];
  if (!colour || exact) return colour;
  if (LIGHT.test(value)) return `color-mix(in oklab, ${colour} 60%, white)`;
  return DARK.test(value) ? `color-mix(in oklab, ${colour} 65%, black)` : colour;
}
