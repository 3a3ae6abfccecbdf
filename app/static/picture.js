// The visitor's own picture: taken from a drop, the clipboard or the file button; previewed and made fit to send.

import { make } from "./element.js";

/** Pictures above this are made smaller before they are sent: a phone's photo is ten times what the towers look at. */
const LIGHT = 1_500_000;
const LONG_EDGE = 1280;
/** Twice its size on the page, for fine screens. */
const SQUARE = 88;

/** The first picture among the transferred files, if there is one. */
export const among = (files) => [...(files ?? [])].find((file) => file.type.startsWith("image/"));

/**
 * What to send, and a small square drawing of it. A format that this browser cannot decode is sent
 * as it is: the service may know it, or says why not. (The page's policy allows no blob: image,
 * hence the canvas.)
 * @returns {Promise<{file: Blob, preview: HTMLCanvasElement}>}
 */
export async function prepare(file) {
  const preview = make("canvas", { width: SQUARE, height: SQUARE, "aria-hidden": "true" });
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    return { file, preview };
  }
  const side = Math.min(bitmap.width, bitmap.height);
  const [left, top] = [(bitmap.width - side) / 2, (bitmap.height - side) / 2];
  preview.getContext("2d").drawImage(bitmap, left, top, side, side, 0, 0, SQUARE, SQUARE);
  const smaller = file.size > LIGHT ? await shrink(bitmap) : null;
  bitmap.close();
  return { file: smaller ?? file, preview };
}

/** A JPEG on white, as the service would flatten it; null where the browser cannot. */
function shrink(bitmap) {
  const scale = Math.min(1, LONG_EDGE / Math.max(bitmap.width, bitmap.height));
  const canvas = make("canvas", {
    width: Math.max(1, Math.round(bitmap.width * scale)),
    height: Math.max(1, Math.round(bitmap.height * scale)),
  });
  const context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.9));
}
