// Strokes that were set aside, drawn over the image: dashed and in a colour of their own, so that nobody takes them for
// the drawing. They are shapes in CSS pixels of the stage, not the exact pixels that bringing them back would mark.

import { EXACT } from "./exact_shapes.js";
import { exactPath, line } from "./pen.js";

const COLOR = "#4cc9f0";
const REMOVES = "#fff"; // strokes that remove marks
const DASHES = [6, 4];

/**
 * @param {CanvasRenderingContext2D} context in CSS pixels of the stage
 * @param {import("./view.js").View} view @param {object[]} strokes events of the kind stroke
 */
export function paintBranch(context, view, strokes) {
  for (const stroke of strokes) {
    const { tool, mode, points, radius } = stroke;
    const color = mode === "remove" ? REMOVES : COLOR;
    const corners = [];
    for (let i = 0; i < points.length; i += 2) corners.push(view.stagePoint(points[i], points[i + 1]));
    const path = EXACT.includes(tool) ? exactPath(view, stroke, corners) : new Path2D();
    if (!EXACT.includes(tool)) for (const { x, y } of corners) path.lineTo(x, y);
    context.globalAlpha = 0.3;
    if (tool === "brush") {
      if (corners.length === 1) path.lineTo(corners[0].x + 0.01, corners[0].y); // a dot
      Object.assign(context, { strokeStyle: color, lineCap: "round", lineJoin: "round" });
      context.lineWidth = Math.max(2, 2 * radius * view.scale);
      context.stroke(path);
    } else {
      path.closePath();
      context.fillStyle = color;
      if (mode === "add") context.fill(path, "nonzero");
    }
    context.globalAlpha = 1;
    context.lineCap = "butt";
    line(context, path, color, DASHES);
  }
}
