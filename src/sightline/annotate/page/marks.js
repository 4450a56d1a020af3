// The marks as shown over the X-ray: a tint, and the exact border of the marked pixels as a light line inside a dark
// one, so that seeing it does not depend on telling colours apart.

import { grown, intersection, union } from "./boxes.js";

const TILE = 128; // image pixels; a stroke rebuilds only the borders of the tiles that it touches
const MANY_SIDES = 8000; // border lines; painting more would slow down a moving image

/** Draws a mask; the canvas has the image's size, and the border consists of lines along the sides of pixels. */
export class Marks {
  /** @param {number} height @param {number} width @param {string} color any CSS colour */
  constructor(height, width, color) {
    this.height = height;
    this.width = width;
    this.canvas = document.createElement("canvas");
    this.canvas.width = width;
    this.canvas.height = height;
    this.context = this.canvas.getContext("2d");
    this.color = color;
    this.word = wordOf(color);
    this.tinted = null; // a box that holds all marked pixels, and perhaps more; null: there have been none
    this.tilesAcross = Math.ceil(width / TILE);
    /** @type {({path: Path2D, sides: number} | null)[]} null: to be built when next shown */
    this.borders = new Array(this.tilesAcross * Math.ceil(height / TILE)).fill(null);
  }

  /** Copies the pixels of a box from a mask. @param {Uint8Array} mask @param {import("./boxes.js").Box} box */
  update(mask, box) {
    this.mask = mask;
    const wide = box.right - box.left;
    const high = box.bottom - box.top;
    if (wide <= 0 || high <= 0) return;
    const tint = this.context.createImageData(wide, high);
    const words = new Uint32Array(tint.data.buffer);
    for (let row = 0; row < high; row += 1) {
      const start = (box.top + row) * this.width + box.left;
      for (let col = 0; col < wide; col += 1) if (mask[start + col]) words[row * wide + col] = this.word;
    }
    for (let row = 0; row < high; row += 1) this.#addTinted(words.subarray(row * wide, (row + 1) * wide), box, row);
    this.context.putImageData(tint, box.left, box.top);
    this.#eachTile(grown(box, 1, this.height, this.width), (tile) => {
      this.borders[tile] = null;
    });
  }

  /**
   * Paints the marks of a box on a context whose unit is one image pixel.
   * @param {CanvasRenderingContext2D} context @param {import("./boxes.js").Box} box
   * @param {number} unit length of one CSS pixel in image pixels @param {number} opacity of the tint, 0..1
   * @param {boolean} isMoving whether the image is moving: a very long border is left out until it stops
   */
  paint(context, box, unit, opacity, isMoving) {
    this.#paintTint(context, box, opacity);
    const borders = [];
    this.#eachTile(grown(box, Math.ceil(3 * unit), this.height, this.width), (tile, top, left) => {
      this.borders[tile] ??= this.#border(top, left);
      borders.push(this.borders[tile]);
    });
    if (isMoving && borders.reduce((sum, { sides }) => sum + sides, 0) > MANY_SIDES) return;
    context.lineCap = "square";
    for (const [width, color] of [
      [3.5 * unit, "rgba(0, 0, 0, 0.75)"],
      [1.5 * unit, this.color],
    ]) {
      context.lineWidth = width;
      context.strokeStyle = color;
      for (const { path } of borders) context.stroke(path);
    }
  }

  #addTinted(words, { top, left }, row) {
    const first = words.indexOf(this.word);
    if (first < 0) return;
    const right = left + words.lastIndexOf(this.word) + 1;
    const line = { top: top + row, bottom: top + row + 1, left: left + first, right };
    this.tinted = this.tinted ? union(this.tinted, line) : line;
  }

  /** Paints what is marked and in sight, no more: the whole canvas of a large film takes a browser tens of ms. */
  #paintTint(context, box, opacity) {
    if (!this.tinted) return;
    const { top, bottom, left, right } = intersection(grown(this.tinted, 2, this.height, this.width), box);
    if (bottom <= top || right <= left) return;
    const from = [left, top, right - left, bottom - top];
    context.globalAlpha = opacity;
    context.drawImage(this.canvas, ...from, ...from);
    context.globalAlpha = 1;
  }

  #eachTile(box, visit) {
    for (let top = box.top - (box.top % TILE); top < box.bottom; top += TILE) {
      for (let left = box.left - (box.left % TILE); left < box.right; left += TILE) {
        visit((top / TILE) * this.tilesAcross + left / TILE, top, left);
      }
    }
  }

  /** Left and upper sides of a tile's pixels where the mask changes; at the image's end, right and lower ones too. */
  #border(top, left) {
    const path = new Path2D();
    let sides = 0;
    const add = (x0, y0, x1, y1) => {
      path.moveTo(x0, y0);
      path.lineTo(x1, y1);
      sides += 1;
    };
    const bottom = Math.min(this.height, top + TILE);
    const right = Math.min(this.width, left + TILE);
    for (let row = top; row < bottom + (bottom === this.height ? 1 : 0); row += 1) {
      const changes = (col) => this.#at(row, col) !== this.#at(row - 1, col);
      this.#sides(left, right, changes, (from, to) => add(from, row, to, row));
    }
    for (let col = left; col < right + (right === this.width ? 1 : 0); col += 1) {
      const changes = (row) => this.#at(row, col) !== this.#at(row, col - 1);
      this.#sides(top, bottom, changes, (from, to) => add(col, from, col, to));
    }
    return { path, sides };
  }

  #sides(from, to, changes, add) {
    for (let i = from; i < to; i += 1) {
      if (!changes(i)) continue;
      const start = i;
      while (i < to && changes(i)) i += 1;
      add(start, i);
    }
  }

  #at(row, col) {
    return row >= 0 && col >= 0 && row < this.height && col < this.width ? this.mask[row * this.width + col] : 0;
  }
}

/** A CSS colour as one 32-bit pixel of an ImageData. */
function wordOf(color) {
  const canvas = document.createElement("canvas");
  canvas.width = 1;
  canvas.height = 1;
  const context = canvas.getContext("2d");
  context.fillStyle = color;
  context.fillRect(0, 0, 1, 1);
  return new Uint32Array(context.getImageData(0, 0, 1, 1).data.buffer)[0];
}
