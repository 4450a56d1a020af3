/**
 * The size of the brush. It is chosen and kept on the screen, so that its circle is as handy on a large film as on a
 * small one, and finer on the image the closer the reader looks; a stroke records what it was on the image.
 */

import { RADII } from "./pen.js";

const CHOICE = "sightline.brush";
const USUAL = 14; // position: about 11 CSS pixels
export const POSITIONS = 28;

const choices = storedChoices(); // "width x height" of the image -> radius, CSS pixels; the newest last

/** Radius on the screen at a position of the slider, 0..28: 1 to 128 CSS pixels, doubling every four steps. */
export function radiusOf(position) {
  return 2 ** (position / 4);
}

/** Position of the slider that is nearest to a radius on the screen. */
export function positionOf(radius) {
  return Math.min(POSITIONS, Math.max(0, Math.round(4 * Math.log2(radius))));
}

/** The brush on one image. This device remembers its size for each size of image; a new one begins with the last. */
export class BrushSize {
  #name;
  #view;

  /** @param {import("./view.js").View} view of the image, whose zoom counts. */
  constructor(view) {
    this.#name = `${view.width} x ${view.height}`;
    this.#view = view;
  }

  /** Radius on the screen, CSS pixels. */
  get onScreen() {
    return choices.get(this.#name) ?? [...choices.values()].at(-1) ?? radiusOf(USUAL);
  }

  set onScreen(radius) {
    const chosen = Math.min(radiusOf(POSITIONS), Math.max(radiusOf(0), radius));
    choices.delete(this.#name); // and to the end
    choices.set(this.#name, chosen);
    storeChoices();
  }

  /** Radius on the image, image pixels: what a stroke that begins now records. */
  get onImage() {
    return Math.min(RADII.largest, Math.max(RADII.smallest, this.onScreen / this.#view.scale));
  }
}

// Where storage is blocked, the choices last until the page is reloaded.
function storedChoices() {
  try {
    const stored = JSON.parse(localStorage.getItem(CHOICE) ?? "[]");
    return new Map(stored.filter(([name, radius]) => typeof name === "string" && radius >= 1 && radius <= 128));
  } catch {
    return new Map();
  }
}

function storeChoices() {
  try {
    localStorage.setItem(CHOICE, JSON.stringify([...choices].slice(-50)));
  } catch {
    return;
  }
}
