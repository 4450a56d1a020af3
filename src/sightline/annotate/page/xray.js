// The X-ray as shown: its values through window, level and inversion. Nothing that is stored depends on them.

/** Window and level that show an 8-bit image as it is. */
export const AS_IT_IS = Object.freeze({ level: 128, window: 256, inverted: false });

/**
 * How each of the 256 values is shown: DICOM's linear window (PS3.3 C.11.2.1.2), then inverted if requested.
 * @param {{level: number, window: number, inverted: boolean}} look level 0..256 is the value shown as mid-grey, window
 *   2..512 the width of the interval of values spread from black to white
 * @returns {Uint8ClampedArray} 256 values, 0..255
 */
export function lookupTable({ level, window, inverted }) {
  const table = new Uint8ClampedArray(256);
  for (let value = 0; value < 256; value += 1) {
    const shown = ((value - (level - 0.5)) / (window - 1) + 0.5) * 255;
    table[value] = inverted ? 255 - shown : shown;
  }
  return table;
}

/** An X-ray on a canvas of the same size, shown through a lookup table. */
export class Xray {
  /** @param {HTMLImageElement} image loaded, from the page's own origin @param {number} width @param {number} height */
  constructor(image, width, height) {
    this.canvas = document.createElement("canvas");
    this.canvas.width = width;
    this.canvas.height = height;
    this.context = this.canvas.getContext("2d", { alpha: false });
    this.context.drawImage(image, 0, 0, width, height);
    this.shown = this.context.getImageData(0, 0, width, height);
    const pixels = this.shown.data;
    this.isGray = true;
    for (let i = 0; i < pixels.length && this.isGray; i += 4) {
      this.isGray = pixels[i] === pixels[i + 1] && pixels[i] === pixels[i + 2];
    }
    this.values = pixels.slice(0, this.isGray ? width * height : pixels.length);
    if (this.isGray) for (let i = 0; i < this.values.length; i += 1) this.values[i] = pixels[4 * i];
  }

  /** Shows the X-ray through another look; see `lookupTable`. */
  show(look) {
    const table = lookupTable(look);
    if (this.isGray) {
      // One 32-bit word per pixel: the same byte three times and an opaque alpha, whatever the machine's byte order.
      const words = new Uint32Array(new Uint8Array(Array.from(table, (v) => [v, v, v, 255]).flat()).buffer);
      const out = new Uint32Array(this.shown.data.buffer);
      for (let i = 0; i < out.length; i += 1) out[i] = words[this.values[i]];
    } else {
      const out = this.shown.data;
      for (let i = 0; i < out.length; i += 1) out[i] = i % 4 === 3 ? 255 : table[this.values[i]];
    }
    this.context.putImageData(this.shown, 0, 0);
  }
}
