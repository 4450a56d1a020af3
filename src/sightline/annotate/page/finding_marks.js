// The marks of a study that names findings: those of the chosen finding as usual, the others' fainter below them, each
// finding in a colour of its own. The list of findings names the colours.

import { Marks } from "./marks.js";

const COLORS = ["#ffb000", "#4cc9f0", "#c77dff", "#7ae582", "#ff8fa3", "#f4f1bb"]; // bright on black, far apart
const FAINTER = 0.45;

/** The colour of a finding, by its place in the study's list. */
export function colorOf(place) {
  return COLORS[place % COLORS.length];
}

/** One layer of marks per finding, made when it is first needed; used in place of Marks. */
export class FindingMarks {
  /** @param {number} height @param {number} width @param {string[]} findings the first one is chosen */
  constructor(height, width, findings) {
    Object.assign(this, { height, width, findings });
    this.layers = new Map();
    this.chosen = findings[0];
  }

  /** Of the chosen finding. */
  get color() {
    return colorOf(this.findings.indexOf(this.chosen));
  }

  /** Of the chosen finding, as in Marks. */
  get canvas() {
    return this.#layer(this.chosen).canvas;
  }

  /** Copies the pixels of a box from the chosen finding's mask. */
  update(mask, box) {
    this.#layer(this.chosen).update(mask, box);
  }

  /** Copies the pixels of a box from the other findings' masks. @param {import("./drawing.js").Drawing} drawing */
  updateOthers(drawing, box) {
    for (const finding of this.findings) {
      const isShown = this.layers.has(finding) || drawing.pixelsOf(finding) > 0;
      if (finding !== this.chosen && isShown) this.#layer(finding).update(drawing.maskOf(finding), box);
    }
  }

  /** See Marks.paint. */
  paint(context, box, unit, opacity, isMoving) {
    for (const [finding, marks] of this.layers) {
      if (finding !== this.chosen) marks.paint(context, box, unit, opacity * FAINTER, isMoving);
    }
    this.layers.get(this.chosen)?.paint(context, box, unit, opacity, isMoving);
  }

  #layer(finding) {
    if (!this.layers.has(finding)) {
      this.layers.set(finding, new Marks(this.height, this.width, colorOf(this.findings.indexOf(finding))));
    }
    return this.layers.get(finding);
  }
}
