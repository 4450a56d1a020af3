/** Counts the separate parts of a mask from its run lengths. */

/**
 * @param {{size: [number, number], counts: number[]}} mask [H, W] and COCO's column-major run lengths.
 * @returns {{pixels: number, parts: number}} marked pixels, and groups of them that touch by a side or a corner.
 */
export function partsOf({ size: [height], counts }) {
  const runs = columnRuns(counts, height);
  const parent = runs.map((_, index) => index);
  const root = (index) => {
    while (parent[index] !== index) index = parent[index] = parent[parent[index]];
    return index;
  };
  let first = 0; // the first run that may touch this one's left side
  runs.forEach((run, index) => {
    while (runs[first].col < run.col - 1) first += 1;
    for (let left = first; left < index && runs[left].col < run.col; left += 1) {
      if (runs[left].col === run.col - 1 && runs[left].top <= run.end && runs[left].end >= run.top) {
        parent[root(left)] = root(index);
      }
    }
  });
  const pixels = runs.reduce((sum, run) => sum + run.end - run.top, 0);
  return { pixels, parts: runs.filter((_, index) => root(index) === index).length };
}

/** Marked runs {col, top, end} (end is one past the last row); a run that spans columns is split between them. */
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
