// What is being drawn, from the first touch to the event that records it. A brush stroke shows at once the pixels that
// it will mark; outlines and polygons show as shapes until they are closed.

import { Pen, paintBrush, paintRegion } from "./pen.js";
import { applyStroke, strokeBox } from "./raster.js";

const DOUBLE_MS = 400; // two clicks within this time close a polygon
const REACH = { mouse: 9, pen: 12, touch: 22 }; // CSS pixels from a polygon's first corner that still count as on it

/** The stroke or polygon in progress, and the mask as shown: the recorded one and what the brush has marked since. */
export class Sketch {
  /**
   * @param {import("./drawing.js").Drawing} drawing @param {import("./view.js").View} view
   * @param {import("./marks.js").Marks} marks
   * @param {{onEvent: (event: object) => void, onSmall: () => void, onPolygon: (polygon: object|null) => void}} hooks
   *   onEvent receives each recorded stroke; onSmall is called when a region contains no pixel and is dropped; onPolygon
   *   receives the open polygon at each change, null once it is closed or dropped
   */
  constructor(drawing, view, marks, { onEvent, onSmall, onPolygon }) {
    Object.assign(this, { drawing, view, marks, onEvent, onSmall, onPolygon });
    /** @type {Pen | null} */
    this.pen = null;
    /** Last window point under the mouse or pen, or under the finger that draws. */
    this.pointer = null;
    this.pointerType = "mouse";
    this.lastCorner = null; // {at, x, y} of the last click for a polygon
    this.shown = drawing.mask.slice();
    this.showMask({ top: 0, bottom: drawing.height, left: 0, right: drawing.width });
  }

  /** Whether a polygon has corners but is not closed. */
  get isPolygonOpen() {
    return this.pen?.tool === "polygon" && this.pen.numPoints > 0;
  }

  /** Opens a polygon again. @param {{mode: string, radius: number, points: number[]}} polygon as onPolygon received it */
  reopen({ mode, radius, points }) {
    this.pen = new Pen({ tool: "polygon", mode, radius }, this.drawing.height, this.drawing.width);
    this.pen.points = [...points];
    this.pen.last = points.slice(-2);
    this.view.repaintLive();
  }

  get numCorners() {
    return this.isPolygonOpen ? this.pen.numPoints : 0;
  }

  /** The pen is put down. @param {{tool: string, mode: string, radius: number}} style */
  begin(style, point, pointerType) {
    const { height, width } = this.drawing;
    this.pointer = point;
    this.pointerType = pointerType;
    if (style.tool === "polygon") {
      this.pen ??= new Pen(style, height, width);
    } else {
      const { x, y } = this.view.imagePoint(point.x, point.y);
      const isFar = x < -style.radius || y < -style.radius || x > width + style.radius || y > height + style.radius;
      if (style.tool === "brush" && isFar) return; // a click beside the image must not draw along its edge
      this.pen = new Pen(style, height, width);
      this.#add(point);
    }
    this.view.repaintLive();
  }

  /** The pen moves while it is down. */
  move(points) {
    this.pointer = points[points.length - 1];
    if (this.pen && this.pen.tool !== "polygon") for (const point of points) this.#add(point);
    this.view.repaintLive();
  }

  /** The pen is lifted: a stroke is recorded, a polygon gets a corner or is closed. */
  lift() {
    if (this.pen?.tool === "polygon") this.#corner();
    else if (this.pen) this.finish();
  }

  /** Drops what the pen has drawn since it was put down; an open polygon keeps its corners. */
  cancel() {
    if (!this.isPolygonOpen) this.drop();
    this.view.repaintLive();
  }

  /** Drops the stroke or polygon in progress. */
  drop() {
    if (!this.pen) return;
    const { pen } = this;
    this.pen = null;
    this.lastCorner = null;
    if (pen.tool === "polygon") this.onPolygon(null);
    this.showMask(this.#box(pen));
  }

  /** Removes the last corner of an open polygon; removing its only corner drops the polygon. */
  removeCorner() {
    this.pen.removeLast();
    this.lastCorner = null;
    if (this.pen.numPoints) this.#tellPolygon();
    else this.drop();
  }

  /** Records the stroke or polygon in progress; a region that contains no pixel's centre is dropped. */
  finish() {
    const { pen } = this;
    const strokes = pen.strokes();
    this.pen = null;
    this.lastCorner = null;
    if (pen.tool !== "brush" && !strokes.some((stroke) => this.#holdsPixels(stroke))) this.onSmall();
    else for (const stroke of strokes) this.onEvent(this.drawing.stroke(stroke).event);
    if (pen.tool === "polygon") this.onPolygon(null);
    this.showMask(this.#box(pen));
  }

  /** Shows the recorded mask in a box, and the brush stroke in progress. @param {import("./boxes.js").Box} box */
  showMask(box) {
    const { mask, width } = this.drawing;
    for (let row = box.top; row < box.bottom; row += 1) {
      const start = row * width + box.left;
      this.shown.set(mask.subarray(start, start + Math.max(0, box.right - box.left)), start);
    }
    if (this.pen?.tool === "brush" && this.pen.numPoints > 0) {
      const { mode, points, radius } = this.pen;
      applyStroke(this.shown, { tool: "brush", mode, radius, points }, this.drawing.height, width);
    }
    this.marks.update(this.shown, box);
    this.marks.updateOthers?.(this.drawing, box);
    this.view.repaintMarks(box);
    this.view.repaintLive();
  }

  /** From now on strokes mark another finding. @param {string} finding */
  chooseFinding(finding) {
    this.drop();
    this.drawing.finding = finding;
    this.marks.chosen = finding;
    this.showMask({ top: 0, bottom: this.drawing.height, left: 0, right: this.drawing.width });
  }

  /**
   * Paints the region in progress or, without one, the brush's circle at the pointer.
   * @param {CanvasRenderingContext2D} context in CSS pixels of the stage
   * @param {{brush: {mode: string, radius: number} | null, atMiddle: boolean}} what the brush to show, null for none;
   *   atMiddle: without a pointer, show it in the middle of the stage
   */
  paint(context, { brush, atMiddle }) {
    const { pen, pointer, view } = this;
    if (pointer) view.makeRoom(pointer);
    if (pen && pen.tool !== "brush") {
      const end = pointer && view.imagePoint(pointer.x, pointer.y);
      const inside = end && {
        x: Math.min(this.drawing.width, Math.max(0, end.x)),
        y: Math.min(this.drawing.height, Math.max(0, end.y)),
      };
      paintRegion(context, view, pen, { pointer: inside, color: this.marks.color });
    } else if (brush) {
      const middle = atMiddle ? { x: view.stageWidth / 2, y: view.stageHeight / 2 } : null;
      const at = pointer ? view.onStage(pointer) : middle;
      if (at) paintBrush(context, at, (pen ?? brush).radius * view.scale, (pen ?? brush).mode === "remove");
    }
  }

  #add(point) {
    const { pen } = this;
    const isFirst = pen.numPoints === 0;
    if (!pen.add(this.view.imagePoint(point.x, point.y)) || pen.tool !== "brush") return;
    const step = { tool: "brush", mode: pen.mode, radius: pen.radius, points: pen.points.slice(isFirst ? -2 : -4) };
    const box = this.#box(step);
    applyStroke(this.shown, step, this.drawing.height, this.drawing.width);
    this.marks.update(this.shown, box);
    this.view.repaintMarks(box);
  }

  #corner() {
    const { pen, pointer, view } = this;
    const now = performance.now();
    const reach = REACH[this.pointerType] ?? REACH.mouse;
    const { lastCorner } = this;
    const isAgain = lastCorner && now - lastCorner.at < DOUBLE_MS && distance(lastCorner, pointer) < reach;
    const first = pen.numPoints && view.stagePoint(pen.points[0], pen.points[1]);
    const isFirst = first && distance(first, view.onStage(pointer)) < reach;
    if (pen.numPoints >= 3 && (isAgain || isFirst)) {
      this.finish();
      return;
    }
    if (!isAgain && pen.add(view.imagePoint(pointer.x, pointer.y))) this.#tellPolygon();
    this.lastCorner = { at: now, ...pointer };
    view.repaintLive();
  }

  #tellPolygon() {
    const { mode, radius, points } = this.pen;
    this.onPolygon({ mode, radius, points: [...points], finding: this.drawing.finding });
  }

  #holdsPixels(stroke) {
    const box = this.#box(stroke);
    const high = Math.max(0, box.bottom - box.top);
    const wide = Math.max(0, box.right - box.left);
    const points = stroke.points.map((value, i) => value - (i % 2 ? box.top : box.left));
    const alone = new Uint8Array(high * wide);
    applyStroke(alone, { ...stroke, mode: "add", points }, high, wide);
    return alone.includes(1);
  }

  #box(stroke) {
    return strokeBox(stroke, this.drawing.height, this.drawing.width);
  }
}

function distance(a, b) {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
