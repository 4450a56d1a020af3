// The pixels of points, boxes and ellipses, in whole numbers alone, identical in every pixel to exact_shapes.py, which
// states the rules. Units are eighths of a pixel; the centre of pixel (row, col) is (8 col + 4, 8 row + 4). Products of
// an ellipse do not fit a double's 53 bits, so they are BigInts.

export const EXACT = Object.freeze(["point", "box", "ellipse"]);

/** A length or coordinate in pixels, rounded to eighths; halves up. */
function eighths(value) {
  return Math.floor(value * 8 + 0.5);
}

/**
 * Visits the marked pixels row by row, clipped to the image.
 * @param {{tool: string, points: number[], radius: number}} stroke points: x, y of a point, or of two corners
 * @param {number} height @param {number} width
 * @param {(row: number, start: number, end: number) => void} visit columns start..end-1, never empty
 */
export function eachSpan({ tool, points, radius }, height, width, visit) {
  const clipped = (row, start, end) => {
    const left = Math.max(0, start);
    const right = Math.min(width, end);
    if (right > left) visit(row, left, right);
  };
  if (tool === "point") disc(points, eighths(radius), height, width, clipped);
  else if (tool === "box") box(corners(points), height, clipped);
  else if (tool === "ellipse") ellipse(corners(points), height, clipped);
  else throw new Error(`tool ${tool}: expected point, box or ellipse`);
}

function corners(points) {
  const [x0, y0, x1, y1] = points.map(eighths);
  return { left: Math.min(x0, x1), top: Math.min(y0, y1), right: Math.max(x0, x1), bottom: Math.max(y0, y1) };
}

function disc(points, reach, height, width, visit) {
  const col = Math.min(Math.floor(eighths(points[0]) / 8), width - 1);
  const row = Math.min(Math.floor(eighths(points[1]) / 8), height - 1);
  const far = Math.floor(reach / 8);
  for (let other = Math.max(0, row - far); other < Math.min(height, row + far + 1); other += 1) {
    const beside = Math.floor(wholeRoot(reach * reach - 64 * (other - row) ** 2) / 8);
    visit(other, col - beside, col + beside + 1);
  }
}

function box({ left, top, right, bottom }, height, visit) {
  const start = firstCentre(left);
  const end = firstCentre(right);
  for (let row = Math.max(0, firstCentre(top)); row < Math.min(height, firstCentre(bottom)); row += 1) {
    visit(row, start, end);
  }
}

function ellipse({ left, top, right, bottom }, height, visit) {
  const a = BigInt(right - left);
  const b = BigInt(bottom - top);
  if (a === 0n || b === 0n) return;
  const middle = left + right;
  for (let row = Math.max(0, Math.floor(top / 8)); row < Math.min(height, Math.floor(bottom / 8) + 1); row += 1) {
    const y = BigInt(16 * row + 8 - (top + bottom));
    const room = a * a * (b * b - y * y);
    if (room < 0n) continue;
    const x = wholeRoot(Number(room / (b * b))); // at most a * a, which a double holds
    visit(row, -Math.floor((8 + x - middle) / 16), Math.floor((middle + x - 8) / 16) + 1);
  }
}

/** The first pixel whose centre is at `side` (eighths) or beyond. */
function firstCentre(side) {
  return -Math.floor((4 - side) / 8);
}

/** The largest whole number whose square is at most `value`, a whole number below 2 to the 52nd. */
function wholeRoot(value) {
  let root = Math.floor(Math.sqrt(value));
  while (root * root > value) root -= 1;
  while ((root + 1) * (root + 1) <= value) root += 1;
  return root;
}
