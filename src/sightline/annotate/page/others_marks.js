// The other readers' outlines in a second round, thin and read-only, in a colour that no mark of the reader has.

import { borderOf, gridOf, sampledMask } from "./sampled_mask.js";

const COLOR = "#ff6bd6";

/** Where the others' outlines lie, as a path on a grid that is laid over the image. */
export class OthersMarks {
  #path = new Path2D();

  /** @param {number[][]} others run lengths of masks @param {number} height of the image @param {number} width */
  constructor(others, height, width) {
    [this.rows, this.cols] = gridOf(height, width);
    Object.assign(this, { height, width });
    for (const counts of others) {
      const mask = sampledMask(counts, height, width, this.rows, this.cols);
      for (const at of borderOf(mask, this.rows, this.cols)) {
        this.#path.rect(at % this.cols, Math.floor(at / this.cols), 1, 1);
      }
    }
  }

  /** @param {CanvasRenderingContext2D} context in CSS pixels of the stage @param {import("./view.js").View} view */
  paint(context, view) {
    const corner = view.stagePoint(0, 0);
    context.save();
    context.translate(corner.x, corner.y);
    context.scale((this.width * view.scale) / this.cols, (this.height * view.scale) / this.rows);
    context.fillStyle = COLOR;
    context.fill(this.#path);
    context.restore();
  }
}
