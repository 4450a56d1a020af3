// Boxes of pixels: where a stroke changes a mask, and where the screen is repainted.

/**
 * Rows top..bottom-1 and columns left..right-1; empty if bottom <= top or right <= left.
 * @typedef {{top: number, bottom: number, left: number, right: number}} Box
 */

/** A box grown by `margin` pixels on each side, clipped to the image. @returns {Box} */
export function grown(box, margin, height, width) {
  return {
    top: Math.max(0, box.top - margin),
    bottom: Math.min(height, box.bottom + margin),
    left: Math.max(0, box.left - margin),
    right: Math.min(width, box.right + margin),
  };
}

/** The smallest box that contains two non-empty boxes. @returns {Box} */
export function union(a, b) {
  return {
    top: Math.min(a.top, b.top),
    bottom: Math.max(a.bottom, b.bottom),
    left: Math.min(a.left, b.left),
    right: Math.max(a.right, b.right),
  };
}

/** The pixels that two boxes share. @returns {Box} */
export function intersection(a, b) {
  return {
    top: Math.max(a.top, b.top),
    bottom: Math.min(a.bottom, b.bottom),
    left: Math.max(a.left, b.left),
    right: Math.min(a.right, b.right),
  };
}
