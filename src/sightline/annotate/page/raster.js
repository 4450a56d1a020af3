// What a log of strokes marks, identical in every pixel to strokes.py and rle.py: the same additions, multiplications
// and comparisons on doubles, in the same order, and no square roots. Masks are row-major, one byte per pixel, 0 or 1.
// Coordinates are image pixels: the centre of pixel (row, col) is (x, y) = (col + 0.5, row + 0.5).

import { EXACT, eachSpan } from "./exact_shapes.js";

/**
 * The strokes that count after a log of events, in order.
 * `clear` removes all strokes and can itself be undone; after a stroke or a clear, nothing can be redone; an undo or
 * redo with nothing to undo or redo is ignored. Throws on any other kind.
 * @param {object[]} events
 * @returns {{tool: string, mode: string, radius: number, points: number[]}[]}
 */
export function effectiveStrokes(events) {
  const done = [null]; // the state after each step in force: its last stroke and, through `before`, the others
  const undone = [];
  for (const event of events) {
    if (event.kind === "stroke") {
      const { tool, mode, points } = event;
      done.push({ stroke: { tool, mode, radius: event.radius || 0, points }, before: done[done.length - 1] });
      undone.length = 0;
    } else if (event.kind === "clear") {
      done.push(null);
      undone.length = 0;
    } else if (event.kind === "undo") {
      if (done.length > 1) undone.push(done.pop());
    } else if (event.kind === "redo") {
      if (undone.length) done.push(undone.pop());
    } else {
      throw new Error(`event kind ${event.kind}: expected stroke, clear, undo or redo`);
    }
  }
  const strokes = [];
  for (let step = done[done.length - 1]; step; step = step.before) strokes.push(step.stroke);
  return strokes.reverse();
}

/**
 * The mask that strokes give when applied in order to an empty mask.
 * @returns {Uint8Array} height x width, row-major, 0 or 1
 */
export function drawnMask(strokes, height, width) {
  const mask = new Uint8Array(height * width);
  for (const stroke of strokes) applyStroke(mask, stroke, height, width);
  return mask;
}

/** Applies one stroke to a mask in place; no pixel outside `strokeBox(stroke, height, width)` changes. */
export function applyStroke(mask, stroke, height, width) {
  const value = stroke.mode === "add" ? 1 : 0;
  const { points } = stroke;
  if (EXACT.includes(stroke.tool)) {
    eachSpan(stroke, height, width, (row, start, end) => mask.fill(value, row * width + start, row * width + end));
  } else if (stroke.tool !== "brush") {
    fillRegion(mask, points, value, height, width);
  } else if (points.length === 2) {
    fillSegment(mask, points[0], points[1], points[0], points[1], stroke.radius, value, height, width);
  } else {
    for (let i = 0; i + 3 < points.length; i += 2) {
      fillSegment(mask, points[i], points[i + 1], points[i + 2], points[i + 3], stroke.radius, value, height, width);
    }
  }
}

/**
 * The pixels that a stroke may change: rows top..bottom-1, columns left..right-1, clipped to the image.
 * @returns {{top: number, bottom: number, left: number, right: number}} empty (bottom <= top or right <= left) if none
 */
export function strokeBox(stroke, height, width) {
  // a point's disc is about the centre of its pixel, up to a pixel away
  const reach = { brush: stroke.radius, point: stroke.radius + 1 }[stroke.tool] ?? 0;
  let [lowX, highX, lowY, highY] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let i = 0; i + 1 < stroke.points.length; i += 2) {
    lowX = Math.min(lowX, stroke.points[i]);
    highX = Math.max(highX, stroke.points[i]);
    lowY = Math.min(lowY, stroke.points[i + 1]);
    highY = Math.max(highY, stroke.points[i + 1]);
  }
  if (lowX === Infinity) return { top: 0, bottom: 0, left: 0, right: 0 };
  const [top, bottom] = span(lowY - reach, highY + reach, height);
  const [left, right] = span(lowX - reach, highX + reach, width);
  return { top, bottom, left, right };
}

/**
 * COCO's run lengths of a mask: column by column, alternating numbers of pixels outside and inside; the first is 0 if
 * the first pixel is inside.
 * @returns {number[]}
 */
export function countsOf(mask, height, width) {
  const counts = [];
  let inside = 0;
  let run = 0;
  for (let col = 0; col < width; col += 1) {
    for (let row = 0, at = col; row < height; row += 1, at += width) {
      if (mask[at] !== inside) {
        counts.push(run);
        run = 0;
        inside = 1 - inside;
      }
      run += 1;
    }
  }
  counts.push(run);
  return counts;
}

/** Marks or unmarks the pixels whose centres lie within `radius` of the segment; equal ends give a disc. */
function fillSegment(mask, x0, y0, x1, y1, radius, value, height, width) {
  const reach = radius * radius;
  const ux = x1 - x0;
  const uy = y1 - y0;
  const length = ux * ux + uy * uy;
  const wide = reach * length;
  const [top, bottom] = span(Math.min(y0, y1) - radius, Math.max(y0, y1) + radius, height);
  const [left, right] = span(Math.min(x0, x1) - radius, Math.max(x0, x1) + radius, width);
  for (let row = top; row < bottom; row += 1) {
    const dy = row + 0.5 - y0;
    // Pixels lie only where the segment is within `radius` of this row; two more on each side allow for rounding.
    let from = left;
    let to = right;
    if (uy !== 0) {
      const s = (dy - radius) / uy;
      const e = (dy + radius) / uy;
      const xs = x0 + Math.min(1, Math.max(0, s)) * ux;
      const xe = x0 + Math.min(1, Math.max(0, e)) * ux;
      from = Math.max(left, Math.floor(Math.min(xs, xe) - radius) - 2);
      to = Math.min(right, Math.ceil(Math.max(xs, xe) + radius) + 3);
    }
    const start = row * width;
    for (let col = from; col < to; col += 1) {
      const dx = col + 0.5 - x0;
      const along = dx * ux + dy * uy;
      let near;
      if (along <= 0) {
        near = dx * dx + dy * dy <= reach;
      } else if (along >= length) {
        const ex = dx - ux;
        const ey = dy - uy;
        near = ex * ex + ey * ey <= reach;
      } else {
        const across = dx * uy - dy * ux;
        near = across * across <= wide;
      }
      if (near) mask[start + col] = value;
    }
  }
}

/**
 * Marks or unmarks the pixels whose centres lie inside a closed curve, by the nonzero winding rule. A centre on an edge
 * counts as inside only for a left or upper edge. Fewer than 3 points mark nothing.
 */
function fillRegion(mask, points, value, height, width) {
  const count = points.length >> 1;
  const { top, bottom } = strokeBox({ tool: "polygon", points }, height, width);
  if (bottom <= top) return;
  const starts = new Int32Array(bottom - top + 2); // row r's crossings are at starts[r - top] .. starts[r - top + 1]
  eachCrossing(points, count, height, (row) => {
    starts[row - top + 2] += 1;
  });
  for (let i = 2; i < starts.length; i += 1) starts[i] += starts[i - 1];
  const crossings = new Float64Array(starts[starts.length - 1]); // twice the column, plus 1 where it goes down
  eachCrossing(points, count, height, (row, crossing, down) => {
    const first = Math.min(width, Math.max(0, Math.ceil(crossing - 0.5))); // first centre at or beyond
    crossings[starts[row - top + 1]++] = first * 2 + down;
  });
  for (let row = top; row < bottom; row += 1) {
    const ofRow = crossings.subarray(starts[row - top], starts[row - top + 1]);
    if (ofRow.length > 2) ofRow.sort();
    else if (ofRow.length === 2 && ofRow[0] > ofRow[1]) ofRow.reverse();
    let winding = 0;
    for (let i = 0; i + 1 < ofRow.length; i += 1) {
      winding += ofRow[i] % 2 === 1 ? 1 : -1;
      const from = Math.floor(ofRow[i] / 2);
      const to = Math.floor(ofRow[i + 1] / 2);
      if (winding !== 0 && to > from) mask.fill(value, row * width + from, row * width + to);
    }
  }
}

/** Calls `visit(row, x, 1 if the curve goes down else 0)` where the closed curve crosses a row's centre line at x. */
function eachCrossing(points, count, height, visit) {
  for (let i = 0; i < count; i += 1) {
    const j = i + 1 === count ? 0 : i + 1;
    const [x0, y0, x1, y1] = [points[2 * i], points[2 * i + 1], points[2 * j], points[2 * j + 1]];
    if (y0 === y1) continue;
    const first = Math.max(0, Math.ceil(Math.min(y0, y1) - 0.5));
    const end = Math.min(height, Math.ceil(Math.max(y0, y1) - 0.5));
    for (let row = first; row < end; row += 1) {
      visit(row, x0 + ((row + 0.5 - y0) * (x1 - x0)) / (y1 - y0), y1 > y0 ? 1 : 0);
    }
  }
}

/** First pixel of a side that an interval may touch, and one past the last. */
function span(low, high, side) {
  return [Math.max(0, Math.floor(low)), Math.max(0, Math.min(side, Math.ceil(high) + 1))];
}
