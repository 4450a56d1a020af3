// The stroke in progress: its points in image pixels as they will be recorded, and its preview. It becomes part of the
// drawing only when the pen is lifted or, for a polygon, when it is closed.

import { EXACT } from "./exact_shapes.js";

const CLOSER_THAN = 0.25; // image pixels; a point closer than this to the last one adds nothing
const MAX_NUMBERS = 20000; // x and y values in one stroke
const MAX_WORK = 2e8; // pixels in the boxes around a brush stroke's segments; the server accepts twice as many
export const RADII = Object.freeze({ smallest: 0.5, largest: 512 });

/** A radius or coordinate as recorded: rounded to an eighth of a pixel. */
export function toEighth(value) {
  return Math.round(value * 8) / 8;
}

/** The points of one stroke, from the first touch. */
export class Pen {
  /** @param {{tool: string, mode: string, radius: number}} style @param {number} height @param {number} width */
  constructor(style, height, width) {
    Object.assign(this, { ...style, radius: toEighth(style.radius), height, width });
    this.points = [];
    this.last = null; // the newest point, even if thinning dropped it: a stroke ends where the pen did
  }

  /** Adds a point. @returns {boolean} whether it was far enough from the last one to be kept */
  add({ x, y }) {
    const at = [toEighth(clamp(x, this.width)), toEighth(clamp(y, this.height))];
    if (EXACT.includes(this.tool)) {
      this.points = this.tool === "point" ? at : [...this.points.slice(0, 2), ...at]; // a first corner stays
      this.last = at;
      return true;
    }
    const n = this.points.length;
    this.last = at;
    if (n && Math.hypot(at[0] - this.points[n - 2], at[1] - this.points[n - 1]) < CLOSER_THAN) return false;
    this.points.push(...at);
    return true;
  }

  /** Removes the newest point (of a polygon). */
  removeLast() {
    this.points.length = Math.max(0, this.points.length - 2);
    this.last = this.points.length ? this.points.slice(-2) : null;
  }

  get numPoints() {
    return this.points.length / 2;
  }

  /**
   * The strokes to record, usually one. A brush stroke with too many points is split, each part beginning where the
   * previous one ends; an outline with too many is thinned by dropping every other point. A region of fewer than 3
   * points gives none.
   * @returns {{tool: string, mode: string, radius: number, points: number[]}[]}
   */
  strokes() {
    const { tool, mode, radius } = this;
    let { points } = this;
    if (!points.length) return [];
    if (EXACT.includes(tool)) {
      const isWhole = points.length === (tool === "point" ? 2 : 4);
      return isWhole ? [{ tool, mode, radius, points }] : [];
    }
    const [x, y] = points.slice(-2);
    if (this.last[0] !== x || this.last[1] !== y) points = [...points, ...this.last];
    if (tool === "brush") {
      const parts = [];
      let start = 0;
      let work = 0;
      for (let at = 2; at < points.length; at += 2) {
        const box = (d) => Math.abs(points[at + d] - points[at + d - 2]) + 2 * radius + 2;
        const more = box(0) * box(1);
        if (at - start === MAX_NUMBERS || (work > 0 && work + more > MAX_WORK)) {
          parts.push({ tool, mode, radius, points: points.slice(start, at) });
          start = at - 2;
          work = 0;
        }
        work += more;
      }
      parts.push({ tool, mode, radius, points: points.slice(start) });
      return parts;
    }
    while (points.length > MAX_NUMBERS) points = points.filter((_, i) => i % 4 < 2);
    return points.length < 6 ? [] : [{ tool, mode, radius, points }];
  }
}

/**
 * Paints a region in progress, filled as if it ended at the pointer.
 * @param {CanvasRenderingContext2D} context in CSS pixels of the stage
 * @param {import("./view.js").View} view @param {Pen} pen
 * @param {{pointer: {x: number, y: number} | null, color: string}} look `pointer`: end of the rubber band, image pixels
 */
export function paintRegion(context, view, pen, { pointer, color }) {
  const corners = [];
  for (let i = 0; i < pen.points.length; i += 2) corners.push(view.stagePoint(pen.points[i], pen.points[i + 1]));
  const ends = pen.tool === "polygon" && pointer ? [...corners, view.stagePoint(pointer.x, pointer.y)] : corners;
  const isExact = EXACT.includes(pen.tool);
  const path = isExact ? exactPath(view, pen, corners) : new Path2D();
  if (!isExact) for (const { x, y } of ends) path.lineTo(x, y);
  const isRemoving = pen.mode === "remove";
  context.globalAlpha = isRemoving ? 0.55 : 0.3;
  context.fillStyle = isRemoving ? "#000" : color;
  context.fill(path, "nonzero");
  context.globalAlpha = 1;
  context.lineJoin = "round";
  line(context, path, isRemoving ? "#fff" : color, isRemoving ? [5, 4] : []);
  if (ends.length > 1 && !isExact) {
    const closing = new Path2D();
    closing.moveTo(ends[ends.length - 1].x, ends[ends.length - 1].y);
    closing.lineTo(ends[0].x, ends[0].y);
    line(context, closing, "#fff", [2, 4]);
  }
  if (pen.tool !== "polygon") return;
  corners.forEach(({ x, y }, i) => {
    const corner = new Path2D();
    corner.arc(x, y, i === 0 ? 6 : 3.5, 0, 2 * Math.PI);
    context.fillStyle = i === 0 ? "#fff" : color;
    context.fill(corner);
    line(context, corner, i === 0 ? color : "#fff", []);
  });
}

/** The shape of a point, box or ellipse in progress, in CSS pixels of the stage. */
export function exactPath(view, { tool, points, radius }, corners) {
  const path = new Path2D();
  if (tool === "point") {
    const { x, y } = view.stagePoint(Math.floor(points[0]) + 0.5, Math.floor(points[1]) + 0.5);
    path.arc(x, y, Math.max(2, radius * view.scale), 0, 2 * Math.PI);
  } else if (corners.length === 2) {
    const [from, to] = corners;
    const [wide, high] = [Math.abs(to.x - from.x), Math.abs(to.y - from.y)];
    if (tool === "box") path.rect(Math.min(from.x, to.x), Math.min(from.y, to.y), wide, high);
    else path.ellipse((from.x + to.x) / 2, (from.y + to.y) / 2, wide / 2, high / 2, 0, 0, 2 * Math.PI);
  }
  return path;
}

/** Paints the brush's circle at a point of the stage, dashed if it removes. */
export function paintBrush(context, { x, y }, radius, isRemoving) {
  const circle = new Path2D();
  circle.arc(x, y, Math.max(1.5, radius), 0, 2 * Math.PI);
  line(context, circle, "#fff", isRemoving ? [5, 4] : []);
}

/** A light line inside a dark one: visible on black, on white and on the marks. */
export function line(context, path, color, dashes) {
  context.setLineDash([]);
  context.lineWidth = 3.5;
  context.strokeStyle = "rgba(0, 0, 0, 0.7)";
  context.stroke(path);
  context.setLineDash(dashes);
  context.lineWidth = 1.5;
  context.strokeStyle = color;
  context.stroke(path);
  context.setLineDash([]);
}

function clamp(value, side) {
  return Math.min(side, Math.max(0, value));
}
