/** How many separate parts a mask has, from its run lengths. */

/**
 * @param {{size: [number, number], counts: number[]}} mask [H, W] and COCO's column-major run lengths.
 * @returns {{pixels: number, parts: number}} marked pixels, and their groups that touch by side or corner.
 */
export function partsOf({ size: [height], counts }) {
  const runs = columnRuns(counts, height);
  const parent = runs.map((_, index) => index);
  const root = (index) => {
    while (parent[index] !== index) index = parent[index] = parent[parent[index]];
    return index;
  };
  let before = 0; // first run that may touch this one's left side
  runs.forEach((run, index) => {
    while (runs[before].col < run.col - 1) before += 1;
    for (let other = before; other < index && runs[other].col < run.col; other += 1) {
      if (runs[other].col === run.col - 1 && runs[other].top <= run.end && runs[other].end >= run.top) {
        parent[root(other)] = root(index);
      }
    }
  });
  const pixels = runs.reduce((sum, run) => sum + run.end - run.top, 0);
  return { pixels, parts: runs.filter((_, index) => root(index) === index).length };
}

/** Marked stretches {col, top, end} (end is one past the last row), a run that spans columns split at their ends. */
function columnRuns(counts, height) {
  const runs = [];
  let at = 0;
  counts.forEach((count, index) => {
    const end = at + count;
    if (index % 2 === 1) {
      while (at < end) {
        const col = Math.floor(at / height);
        const stop = Math.min(end, (col + 1) * height);
        runs.push({ col, top: at - col * height, end: stop - col * height });
        at = stop;
      }
    }
    at = end;
  });
  return runs;
}
