// What the desk's keys and buttons do, by the action's name.

import { positionOf, radiusOf } from "./brush_size.js";

const PAN_STEP = 80; // CSS pixels by which an arrow key moves the image
const ZOOM_STEP = 1.25;
const CHANGES = ["undo", "redo", "clear"]; // the drawing, and so not of a locked one
const CORNERS = ["back", "cancel", "close"]; // change an open polygon

export class DeskActions {
  #actions;

  /** @param {import("./desk.js").Desk} desk */
  constructor(desk) {
    this.desk = desk;
    this.#actions = { ...this.#drawing(), ...this.#showing() };
  }

  /** Performs an action. @returns {boolean} false if it has no meaning now */
  perform(action) {
    const { desk } = this;
    const isChange = CHANGES.includes(action) || (desk.sketch.isPolygonOpen && CORNERS.includes(action));
    if (desk.isLocked && isChange) return true;
    if (action in this.#actions) this.#actions[action]();
    else if (!this.#onPen(action)) return false;
    desk.update();
    return true;
  }

  /** Removes all that is drawn, also what is in progress. */
  clear() {
    const { drawing } = this.desk;
    this.desk.dropPen();
    if (drawing.pixels > 0) this.#record(drawing.clear(), "desk.said.clear");
  }

  /** Shows the marks, or hides them. */
  toggleMarks() {
    const { view } = this.desk;
    view.showsMarks = !view.showsMarks;
    view.repaintMarks();
    this.desk.say(view.showsMarks ? "desk.said.shown" : "desk.said.hidden");
  }

  /** The tools, and what has been drawn with them. */
  #drawing() {
    const { desk } = this;
    const resize = (steps) => desk.setRadius(radiusOf(positionOf(desk.brush.onScreen) + steps));
    return {
      brush: () => this.#choose("brush", "brush", "add"),
      outline: () => this.#choose("outline", "outline", "add"),
      polygon: () => this.#choose("polygon", "polygon", "add"),
      point: () => this.#choose("point", "point", "add"),
      box: () => this.#choose("box", "box", "add"),
      ellipse: () => this.#choose("ellipse", "ellipse", "add"),
      eraser: () => this.#choose("eraser", "brush", "remove"),
      remove: () => this.#setMode(desk.style.mode === "remove" ? "add" : "remove"),
      smaller: () => resize(-1),
      larger: () => resize(1),
      undo: () => this.#undo(),
      redo: () => !desk.sketch.pen && this.#record(desk.drawing.redo(), "desk.said.redo"),
      clear: () => this.clear(),
    };
  }

  /** How the image is shown; nothing that is drawn depends on it. */
  #showing() {
    const { desk } = this;
    return {
      zoomIn: () => desk.view.zoom(ZOOM_STEP),
      zoomOut: () => desk.view.zoom(1 / ZOOM_STEP),
      fit: () => desk.view.fit(),
      oneToOne: () => desk.view.oneToOne(),
      left: () => desk.view.pan(PAN_STEP, 0),
      right: () => desk.view.pan(-PAN_STEP, 0),
      up: () => desk.view.pan(0, PAN_STEP),
      down: () => desk.view.pan(0, -PAN_STEP),
      hand: () => this.#toggleHand(),
      hold: () => (desk.isHandHeld = true),
      window: () => this.#toggleWindowing(),
      ...desk.looking.actions({ smooth: (isSmooth) => desk.view.smooth(isSmooth) }),
      reset: () => this.#reset(),
      marks: () => this.toggleMarks(),
      help: () => desk.card.showModal(),
    };
  }

  /** Enter, Backspace and Escape, which belong to the desk only while something is in progress. */
  #onPen(action) {
    const { desk } = this;
    const { sketch } = desk;
    if (action === "cancel" && (desk.isWindowing || desk.isHandChosen) && !sketch.pen) {
      desk.isWindowing = false;
      desk.isHandChosen = false;
    } else if (action === "cancel" && sketch.pen) {
      desk.dropPen();
      desk.say("desk.said.dropped");
    } else if (!sketch.isPolygonOpen) return false;
    else if (action === "close" && sketch.numCorners >= 3) sketch.finish();
    else if (action === "back") sketch.removeCorner();
    return true;
  }

  #choose(name, tool, mode) {
    const { desk } = this;
    desk.sketch.drop();
    Object.assign(desk.style, { tool, mode });
    desk.isWindowing = false;
    desk.isHandChosen = false;
    desk.say("desk.said.tool", { tool: desk.t(`desk.${name}.short`) });
  }

  /** The hand is a tool beside those that draw: an open polygon stays open, and the tool comes back after it. */
  #toggleHand() {
    const { desk } = this;
    desk.isHandChosen = !desk.isHandChosen;
    desk.isWindowing = false;
    const name = desk.isHandChosen ? "hand" : this.#drawingTool();
    desk.say("desk.said.tool", { tool: desk.t(`desk.${name}.short`) });
  }

  #drawingTool() {
    const { tool, mode } = this.desk.style;
    return tool === "brush" && mode === "remove" ? "eraser" : tool;
  }

  #toggleWindowing() {
    this.desk.isWindowing = !this.desk.isWindowing;
    this.desk.isHandChosen = false;
  }

  #setMode(mode) {
    this.desk.sketch.drop();
    this.desk.style.mode = mode;
    this.desk.say(mode === "remove" ? "desk.said.removes" : "desk.said.adds");
  }

  #reset() {
    const { desk } = this;
    desk.looking.reset();
    desk.isWindowing = false;
    desk.view.fit();
    desk.say("desk.said.reset");
  }

  #undo() {
    const { drawing, pointers, sketch } = this.desk;
    if (sketch.isPolygonOpen) sketch.removeCorner();
    else if (sketch.pen) pointers.drop();
    else this.#record(drawing.undo(), "desk.said.undo");
  }

  #record(step, said) {
    if (!step) return;
    const { desk } = this;
    desk.onEvent(step.event);
    desk.sketch.showMask(step.box);
    desk.say(said);
    desk.update();
  }
}
