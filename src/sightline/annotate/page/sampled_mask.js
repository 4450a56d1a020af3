/** Stored masks on a grid as fine as a screen, and their borders: quick for films of any size. */

const LONGEST = 1024; // of the grid's sides

/** @param {number} height of an image @param {number} width @returns {[number, number]} rows and columns of the grid */
export function gridOf(height, width) {
  const scale = Math.min(1, LONGEST / Math.max(height, width));
  return [Math.round(height * scale), Math.round(width * scale)];
}

/**
 * The mask of COCO's run lengths, sampled at the middle of each cell of a smaller grid.
 * @param {number[]} counts run lengths by column, the first of unmarked pixels.
 * @param {number} height of the image. @param {number} width
 * @param {number} rows of the grid. @param {number} cols
 * @returns {Uint8Array} rows x cols, 1 where marked.
 */
export function sampledMask(counts, height, width, rows, cols) {
  const mask = new Uint8Array(rows * cols);
  let run = 0;
  let end = counts[0] ?? 0; // of the run, in pixels by column
  for (let col = 0; col < cols; col += 1) {
    const left = Math.floor(((col + 0.5) * width) / cols) * height;
    for (let row = 0; row < rows; row += 1) {
      const pixel = left + Math.floor(((row + 0.5) * height) / rows);
      while (pixel >= end && run + 1 < counts.length) end += counts[(run += 1)];
      mask[row * cols + col] = pixel < end ? run % 2 : 0;
    }
  }
  return mask;
}

/**
 * @param {Uint8Array} mask rows x cols. @param {number} rows @param {number} cols
 * @returns {number[]} the places of marked cells with an unmarked cell, or the image's edge, beside them.
 */
export function borderOf(mask, rows, cols) {
  const border = [];
  for (let row = 0; row < rows; row += 1) {
    for (let col = 0; col < cols; col += 1) {
      const at = row * cols + col;
      if (!mask[at]) continue;
      const inside = row > 0 && row < rows - 1 && col > 0 && col < cols - 1;
      if (!inside || !(mask[at - 1] && mask[at + 1] && mask[at - cols] && mask[at + cols])) border.push(at);
    }
  }
  return border;
}
