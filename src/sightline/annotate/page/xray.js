// The X-ray as shown: its levels through a window, inverted or not. Only what is in sight is computed, at the screen's
// resolution, from the film's own samples. Nothing that is stored depends on it.

/**
 * @typedef {{level: number, window: number, inverted: boolean, preset: string | null}} Look level and window are those
 *   of DICOM's linear window, in levels of the film: the middle and the width of those shown from black to white
 * @typedef {{steps: {values: Uint8Array | Uint16Array, height: number, width: number}[] | null,
 *   bitmap: ImageBitmap | null, gray: Uint8Array | null, height: number, width: number, white: number,
 *   windows: Object<string, [number, number]>, is_padded: boolean}} Film steps: a gray film and its reductions by 2, 4
 *   and so on; bitmap: of a film in colours; gray: how the film's own look shows each level, where no window does
 * @typedef {{left: number, top: number, scale: number, isSmooth: boolean, isDraft?: boolean}} Place where an image is on a canvas: its
 *   corner and the side of an image pixel, in pixels of the canvas; whether pixels are interpolated when enlarged;
 *   isDraft: never, for a moment
 */

// The pixel of each gray as one 32-bit word: the same byte three times and an opaque alpha, in this machine's byte order.
const GRAYS = new Uint32Array(new Uint8Array(Array.from({ length: 256 }, (_, v) => [v, v, v, 255]).flat()).buffer);

/** Names of the windows, in the order in which they are offered. */
export const PRESETS = Object.freeze(["own", "lung", "bone", "whole"]);

/** The look of one of a film's windows. @param {Film} film @param {string} preset @returns {Look} not inverted */
export function lookOf(film, preset) {
  const [black, white] = film.windows[preset];
  const window = white - black + 1;
  return { level: black + window / 2, window, inverted: false, preset };
}

/**
 * How each level of a film is shown: DICOM's linear window (PS3.3 C.11.2.1.2), then inverted if requested.
 * @param {Look} look @param {Film} film
 * @returns {Uint8ClampedArray} white + 1 values, 0..255
 */
export function lookupTable({ level, window, inverted, preset }, { white, gray, is_padded: isPadded }) {
  const table = new Uint8ClampedArray(white + 1);
  const own = preset === "own" ? gray : null;
  const slope = 255 / Math.max(window - 1, 1e-6);
  for (let value = 0; value <= white; value += 1) {
    table[value] = own ? own[value] : (value - (level - 0.5)) * slope + 127.5;
  }
  if (isPadded) table[0] = 0;
  if (inverted) for (let value = 0; value <= white; value += 1) table[value] = 255 - table[value];
  return table;
}

/** An X-ray for the view. @param {Film} film @returns {GrayXray | ColourXray} */
export function openXray(film) {
  return film.steps ? new GrayXray(film) : new ColourXray(film);
}

class GrayXray {
  constructor(film) {
    this.film = film;
    this.sampled = new WeakMap(); // by canvas: the levels in sight, so that another window is only a lookup
    this.words = new Uint32Array(film.white + 1);
    this.show(lookOf(film, "own"));
  }

  /** Shows the X-ray through another look from the next `paint` on. @param {Look} look */
  show(look) {
    const table = lookupTable(look, this.film);
    for (let level = 0; level < table.length; level += 1) this.words[level] = GRAYS[table[level]];
  }

  /** Paints what lies on the context's canvas, which is clear. @param {Place} place */
  paint(context, place) {
    const { width, height } = context.canvas;
    const box = boxOn(place, this.film, width, height);
    if (box.width <= 0 || box.height <= 0) return;
    const key = [place.left, place.top, place.scale, place.isSmooth, place.isDraft, width, height].join(" ");
    let sampled = this.sampled.get(context.canvas);
    if (sampled?.key !== key) {
      const size = box.width * box.height;
      const levels = sampled?.levels.length >= size ? sampled.levels : new Uint16Array(size);
      const shown = sampled && sampled.shown.width === box.width && sampled.shown.height === box.height;
      sampled = { key, levels, shown: shown ? sampled.shown : context.createImageData(box.width, box.height) };
      sample(levels, box, place, this.film);
      this.sampled.set(context.canvas, sampled);
    }
    const { levels, shown } = sampled;
    const { words } = this;
    const out = new Uint32Array(shown.data.buffer);
    for (let i = 0; i < out.length; i += 1) out[i] = words[levels[i]];
    context.putImageData(shown, box.left, box.top);
  }

  /** Releases the film now rather than at some collection of garbage: it may be 40 MB. */
  close() {
    for (const { values } of this.film.steps) values.buffer.transfer?.(0);
    this.film = this.sampled = null;
  }
}

class ColourXray {
  constructor(film) {
    this.film = film;
    this.canvas = document.createElement("canvas");
    this.canvas.width = film.width;
    this.canvas.height = film.height;
    this.context = this.canvas.getContext("2d", { alpha: false, willReadFrequently: true });
    this.context.drawImage(film.bitmap, 0, 0);
    film.bitmap.close();
    this.shown = this.context.getImageData(0, 0, film.width, film.height);
    this.values = this.shown.data.slice();
  }

  /** Shows the X-ray through another look from the next `paint` on. @param {Look} look */
  show(look) {
    const table = lookupTable(look, this.film);
    const out = this.shown.data;
    for (let i = 0; i < out.length; i += 1) out[i] = i % 4 === 3 ? 255 : table[this.values[i]];
    this.context.putImageData(this.shown, 0, 0);
  }

  /** Paints what lies on the context's canvas, which is clear. @param {Place} place */
  paint(context, { left, top, scale, isSmooth }) {
    context.setTransform(scale, 0, 0, scale, left, top);
    context.imageSmoothingEnabled = isSmooth || scale < 1;
    context.imageSmoothingQuality = "high";
    context.drawImage(this.canvas, 0, 0);
  }

  /** Releases the film. */
  close() {
    this.canvas.width = 0; // a canvas without pixels keeps no memory
    this.film = this.values = this.shown = null;
  }
}

/** The pixels of a canvas of this size whose centres lie on the film. */
function boxOn({ left, top, scale }, film, width, height) {
  const first = (at) => Math.max(0, Math.ceil(at - 0.5));
  const x = first(left);
  const y = first(top);
  return {
    left: x,
    top: y,
    width: Math.min(width, Math.ceil(left + film.width * scale - 0.5)) - x,
    height: Math.min(height, Math.ceil(top + film.height * scale - 0.5)) - y,
  };
}

/**
 * The levels at the centres of a box of canvas pixels: of the nearest image pixel, or interpolated between four, of the
 * reduction whose pixels are no larger than the canvas's.
 * @param {Uint16Array} out row-major, of the box
 */
function sample(out, box, { left, top, scale, isSmooth, isDraft }, { steps }) {
  const reduced = Math.min(steps.length - 1, Math.max(0, Math.floor(Math.log2(1 / scale) + 1e-6)));
  const { values, width, height } = steps[reduced];
  const step = 1 / (scale * 2 ** reduced);
  const isNearest = isDraft || (scale >= 1 && !isSmooth);
  const cols = axis(box.width, (box.left + 0.5 - left) * step, step, width, isNearest);
  const rows = axis(box.height, (box.top + 0.5 - top) * step, step, height, isNearest);
  const { first, second, weight } = cols;
  const isOnPixels = isNearest || (cols.isWhole && rows.isWhole);
  for (let row = 0, place = 0; row < box.height; row += 1) {
    const upper = rows.first[row] * width;
    const lower = rows.second[row] * width;
    const down = rows.weight[row];
    for (const end = place + box.width, from = -place; place < end; place += 1) {
      const a = first[place + from];
      if (isOnPixels) {
        out[place] = values[upper + a];
        continue;
      }
      const b = second[place + from];
      const across = weight[place + from];
      const over = (values[upper + a] << 8) + (values[upper + b] - values[upper + a]) * across;
      const under = (values[lower + a] << 8) + (values[lower + b] - values[lower + a]) * across;
      out[place] = (over + ((under - over) * down) / 256 + 128) >> 8;
    }
  }
}

/** Along one side: the two pixels between which each point lies, and the second one's weight, 0..256. */
function axis(count, start, step, size, isNearest) {
  const [first, second, weight] = [new Int32Array(count), new Int32Array(count), new Int32Array(count)];
  for (let i = 0; i < count; i += 1) {
    const at = start + i * step - (isNearest ? 0 : 0.5);
    const whole = Math.floor(at + 1e-9); // a centre on the border of two pixels belongs to the second
    first[i] = Math.min(size - 1, Math.max(0, whole));
    second[i] = Math.min(size - 1, Math.max(0, whole + 1));
    weight[i] = Math.min(256, Math.max(0, Math.round(256 * (at - whole))));
  }
  return { first, second, weight, isWhole: weight.every((share) => share === 0) };
}
