// Outlines by marching squares, and the overlap of two regions. Pixel (row, col) has its centre at (col + 0.5, row + 0.5).

// For the inside corners of a cell (1 top left, 2 top right, 4 bottom right, 8 bottom left): the cell's sides where an
// outline enters and leaves, with the inside to its left. Two corners across are kept apart.
const WAYS = [
  '', 'LT', 'TR', 'LR', 'RB', 'LTRB', 'TB', 'LB', 'BL', 'BT', 'TRBL', 'BR', 'RL', 'RT', 'TL', '',
];

// The outline of `values >= level` as a Path2D on the image grid: it separates exactly these pixels from the others.
// Between two pixels it passes where the values, interpolated, are `level` - 0.5.
function outline(values, level) {
  const { width, height } = DATA;
  const next = new Int32Array(2 * width * height).fill(-1); // side of a cell -> side where the outline goes on
  const isEntered = new Uint8Array(2 * width * height);
  for (let row = 0; row + 1 < height; row++) {
    for (let col = 0; col + 1 < width; col++) {
      const at = row * width + col;
      const inside =
        (values[at] >= level ? 1 : 0) | (values[at + 1] >= level ? 2 : 0) |
        (values[at + width + 1] >= level ? 4 : 0) | (values[at + width] >= level ? 8 : 0);
      const way = WAYS[inside];
      for (let step = 0; step < way.length; step += 2) {
        const [from, to] = [way[step], way[step + 1]].map((side) => sideNumber(at, side, width));
        next[from] = to;
        isEntered[to] = 1;
      }
    }
  }
  const path = new Path2D();
  const point = (side) => {
    const at = side >> 1;
    const step = side & 1 ? width : 1;
    const share = (level - 0.5 - values[at]) / (values[at + step] - values[at]);
    const [x, y] = [(at % width) + 0.5, Math.floor(at / width) + 0.5];
    return side & 1 ? [x, y + share] : [x + share, y];
  };
  const follow = (start) => {
    const points = [];
    let side = start;
    while (side >= 0) {
      points.push(point(side));
      const following = next[side];
      next[side] = -1;
      side = following;
    }
    addCurve(path, points);
  };
  for (let side = 0; side < next.length; side++) if (next[side] >= 0 && !isEntered[side]) follow(side); // from the border
  for (let side = 0; side < next.length; side++) if (next[side] >= 0) follow(side); // closed
  return path;
}

// The number of a cell's side: twice its first pixel's, plus one where the side runs down.
function sideNumber(at, side, width) {
  if (side === 'T') return 2 * at;
  if (side === 'B') return 2 * (at + width);
  return side === 'L' ? 2 * at + 1 : 2 * (at + 1) + 1;
}

// Corners rounded: a curve from middle to middle of neighbouring points.
function addCurve(path, points) {
  path.moveTo(...points[0]);
  for (let number = 1; number + 1 < points.length; number++) {
    const [[x, y], [nextX, nextY]] = [points[number], points[number + 1]];
    path.quadraticCurveTo(x, y, (x + nextX) / 2, (y + nextY) / 2);
  }
  path.lineTo(...points[points.length - 1]);
}

// By level 0 to 100: how many pixels reach it, and how many of these lie in the mask.
function tally(levels, mask) {
  const [reached, shared] = [new Uint32Array(102), new Uint32Array(102)];
  for (let pixel = 0; pixel < levels.length; pixel++) {
    reached[levels[pixel]]++;
    shared[levels[pixel]] += mask[pixel];
  }
  for (let level = 100; level >= 0; level--) {
    reached[level] += reached[level + 1];
    shared[level] += shared[level + 1];
  }
  return { reached, shared, area: mask.reduce((sum, one) => sum + one, 0) };
}

// IoU and Dice at a level; null where the mask is empty, as in the study's numbers.
function overlap({ reached, shared, area }, level) {
  if (!area) return { iou: null, dice: null };
  const iou = shared[level] / Math.max(reached[level] + area - shared[level], 1);
  return { iou, dice: (2 * iou) / (1 + iou) };
}

// The middle of the pixels at the map's maximum, as the nearest of them: [x, y], or null where the map is flat.
function peakOf(levels) {
  const top = [];
  for (let pixel = 0; pixel < levels.length; pixel++) if (levels[pixel] === 100) top.push(pixel);
  if (!top.length) return null;
  const places = top.map((pixel) => [(pixel % DATA.width) + 0.5, Math.floor(pixel / DATA.width) + 0.5]);
  const middle = [0, 1].map((axis) => places.reduce((sum, place) => sum + place[axis], 0) / places.length);
  const away = (place) => Math.hypot(place[0] - middle[0], place[1] - middle[1]);
  return places.reduce((best, place) => (away(place) < away(best) ? place : best));
}
