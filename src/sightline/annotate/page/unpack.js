// A film's samples out of what the server sends: see sent_films.py for the format.

const BAND = 64; // rows whose upper bytes come together, before their lower ones

/** Takes in the inflated bytes of a film, chunk by chunk, and never holds more of them than one band. */
export class Unpacker {
  /** @param {{height: number, width: number, white: number, has_gray: boolean}} facts of the header X-Film */
  constructor({ height, width, white, has_gray: hasGray }) {
    Object.assign(this, { height, width });
    this.samples = new Uint16Array(height * width);
    this.row = 0; // the next one
    this.gray = null; // how the film's own look shows each level, where no window does
    this.isGrayAwaited = hasGray;
    this.part = new Uint8Array(hasGray ? white + 1 : this.#bandBytes());
    this.filled = 0;
  }

  /** @param {Uint8Array} chunk */
  push(chunk) {
    for (let at = 0; at < chunk.length; ) {
      const taken = Math.min(chunk.length - at, this.part.length - this.filled);
      if (taken === 0) throw new Error("a film with more samples than pixels");
      this.part.set(chunk.subarray(at, at + taken), this.filled);
      this.filled += taken;
      at += taken;
      if (this.filled === this.part.length) this.#take();
    }
  }

  /** @returns {Uint16Array} row-major; throws if the film was cut short */
  end() {
    if (this.row < this.height) throw new Error("a film with fewer samples than pixels");
    return this.samples;
  }

  #bandBytes() {
    return 2 * this.width * Math.min(BAND, this.height - this.row);
  }

  #take() {
    if (this.isGrayAwaited) {
      this.gray = this.part;
      this.isGrayAwaited = false;
    } else {
      this.#takeBand();
    }
    this.filled = 0;
    const next = this.#bandBytes();
    if (this.part === this.gray || next !== this.part.length) this.part = new Uint8Array(next);
  }

  #takeBand() {
    const { part, samples, width } = this;
    const half = part.length / 2;
    let place = this.row * width;
    for (let from = 0; from < half; from += width) {
      const end = place + width;
      let left = 0;
      for (let i = from; place < end; i += 1, place += 1) {
        const folded = (part[i] << 8) | part[i + half];
        const above = place >= width ? samples[place - width] : 0;
        left = (((above + left) >> 1) + ((folded >> 1) ^ -(folded & 1))) & 0xffff;
        samples[place] = left;
      }
      this.row += 1;
    }
  }
}

/**
 * A film and its reductions by 2, 4, 8 and so on, until one fits into 256 pixels; each pixel is the mean of four.
 * @template {Uint8Array | Uint16Array} Values
 * @param {Values} values row-major @param {number} height @param {number} width
 * @returns {{values: Values, height: number, width: number}[]}
 */
export function reductions(values, height, width) {
  const steps = [{ values, height, width }];
  for (let last = steps[0]; Math.max(last.height, last.width) > 256; last = steps[steps.length - 1]) {
    steps.push(halved(last));
  }
  return steps;
}

function halved({ values, height, width }) {
  const half = { height: (height + 1) >> 1, width: (width + 1) >> 1 };
  const means = new values.constructor(half.height * half.width);
  for (let row = 0, place = 0; row < half.height; row += 1) {
    const upper = 2 * row * width;
    const lower = Math.min(2 * row + 1, height - 1) * width;
    for (let col = 0; col < half.width; col += 1, place += 1) {
      const left = 2 * col;
      const right = left + 1 < width ? left + 1 : left; // an odd last row or column counts twice
      means[place] =
        (values[upper + left] + values[upper + right] + values[lower + left] + values[lower + right] + 2) >> 2;
    }
  }
  return { values: means, ...half };
}
