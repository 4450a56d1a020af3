// The drawing desk: one X-ray, its marks and the tools to draw them. It combines the drawing (what is recorded), the
// sketch (what is being drawn), the view (what is shown), the pointers, the keyboard, the actions and the toolbar.

import { paintBranch } from "./branch_marks.js";
import { BrushSize, radiusOf } from "./brush_size.js";
import { DeskActions } from "./desk_actions.js";
import { DeskKeys } from "./desk_keys.js";
import { Drawing } from "./drawing.js";
import { element } from "./elements.js";
import { FindingMarks } from "./finding_marks.js";
import { Looking } from "./look.js";
import { OthersMarks } from "./others_marks.js";
import { Marks } from "./marks.js";
import { Pointers } from "./pointer.js";
import { helpCard } from "./shortcuts.js";
import { Sketch } from "./sketch.js";
import { buildPolygonBar, buildToolbar } from "./toolbar.js";
import { View } from "./view.js";
import { openXray } from "./xray.js";

const SIZE_SHOWN_MS = 900;

// From one image to the next, until the page is reloaded. A new image begins with drawing: the tool stays, but what it
// removes, the hand and the drag of window and level do not.
const kept = { tool: "brush", mode: "add" };
let keptFor = null; // the name of the image that they were chosen on

/** The desk in a container, which it fills until it is closed. Its keys and actions set its state and call `update`. */
export class Desk {
  #desk; // the element with everything in it
  #stage;
  #toolbar;
  #polygonBar;
  #keys;
  #gesture = null;
  #sizeTimer = 0;

  /**
   * @param {HTMLElement} container
   * @param {{name: string, film: import("./xray.js").Film, width: number, height: number, events: object[],
   *   findings?: string[],
   *   t: (key: string, values?: object) => string, onEvent: (event: object) => void,
   *   onPolygon: (polygon: object|null) => void, onMessage: (text: string) => void}} options name: of the task;
   *   onEvent receives each event as soon as it is part of the log; onPolygon see Sketch; onMessage receives short texts
   *   for an aria-live region
   */
  constructor(container, { name, film, width, height, events, findings = [], t, onEvent, onPolygon, onMessage }) {
    Object.assign(this, { findings, t, onEvent, onPolygon, onMessage });
    this.drawing = new Drawing(height, width, events, findings[0]);
    this.looking = new Looking(film, (look) => this.#showLook(look));
    if (name !== keptFor) kept.mode = "add";
    keptFor = name;
    this.style = kept; // tool and mode
    this.isLocked = false;
    this.isHandChosen = false;
    this.isHandHeld = false; // Space is down
    this.isWindowing = false; // a drag sets window and level
    this.actions = new DeskActions(this);
    this.#build(container);
    this.#show(film);
    this.pointers = new Pointers(this.view.live, this.#pointerHooks());
    this.#keys = new DeskKeys(this);
    this.update();
  }

  /** The log of events, a copy. */
  get events() {
    return this.drawing.events.slice();
  }

  /** Number of pixels marked. */
  get pixels() {
    return this.drawing.pixels;
  }

  /** Whether a drag moves the image. */
  get isHand() {
    return this.isHandChosen || this.isHandHeld;
  }

  /** Whether a stroke or an open polygon is in progress, not yet an event. */
  get isDrawing() {
    return this.sketch.pen !== null;
  }

  /** @returns {{size: [number, number], counts: number[]}} what is marked, as run lengths; of all findings together */
  mask() {
    return this.findings.length ? this.drawing.encodedTogether() : this.drawing.encoded();
  }

  /** Strokes now mark another finding; a stroke or open polygon in progress is dropped. @param {string} finding */
  chooseFinding(finding) {
    this.pointers.drop();
    this.sketch.chooseFinding(finding);
    this.update();
  }

  /** Opens a polygon again that had been open. @param {object} polygon as onPolygon received it */
  reopenPolygon(polygon) {
    Object.assign(this.style, { tool: "polygon", mode: polygon.mode });
    this.sketch.reopen(polygon);
    this.update();
  }

  /** Draws strokes that were set aside over the image. @param {object[]|null} strokes null removes them */
  showBranch(strokes) {
    this.branch = strokes;
    this.view.repaintLive();
  }

  /** Draws the other readers' outlines over the image. @param {number[][]} others run lengths of masks */
  showOthers(others) {
    const { height, width } = this.drawing;
    this.others = new OthersMarks(others, height, width);
    this.view.repaintLive();
  }

  /** Shows another log in place of this one; a stroke or polygon in progress goes on. */
  replaceEvents(events) {
    const { height, width } = this.drawing;
    this.drawing.replace(events);
    this.sketch.showMask({ top: 0, bottom: height, left: 0, right: width });
    this.update();
  }

  clear() {
    this.actions.clear();
  }

  focus() {
    this.view.live.focus({ preventScroll: true });
  }

  /** Places a further part of the screen beside the image. @param {HTMLElement} node */
  placeBeside(node) {
    this.#stage.after(node);
  }

  /** From now on the drawing is shown and not changed; false: changed again. */
  lock(isLocked = true) {
    this.isLocked = isLocked;
    this.update();
  }

  close() {
    this.pointers.close();
    this.#keys.close();
    clearTimeout(this.#sizeTimer);
    this.view.close();
    this.#desk.remove();
  }

  /** Drops the stroke or polygon in progress, and the gesture that draws it. */
  dropPen() {
    this.pointers.drop();
    this.sketch.drop();
  }

  /** Says a text of the page to screen readers. @param {string} key */
  say(key, values) {
    this.onMessage(this.t(key, values));
  }

  /** Changes the brush and shows its size for a moment. @param {number} radius on the screen, CSS pixels */
  setRadius(radius) {
    this.brush.onScreen = radius;
    clearTimeout(this.#sizeTimer);
    this.#sizeTimer = setTimeout(() => {
      this.#sizeTimer = 0;
      this.view.repaintLive();
    }, SIZE_SHOWN_MS);
    this.update();
  }

  /** Shows the current state on buttons, sliders and cursor. */
  update() {
    if (!this.#desk.isConnected) return;
    const { drawing, looking, isLocked, isWindowing, sketch, style, view } = this;
    this.#toolbar.update({
      ...style,
      isHand: this.isHandChosen,
      radius: this.brush.onScreen,
      look: looking.look,
      range: looking.range,
      switches: looking.switches,
      isWindowing,
      showsMarks: view.showsMarks,
      canUndo: !isLocked && (drawing.canUndo || sketch.isPolygonOpen),
      canRedo: !isLocked && drawing.canRedo && !sketch.isPolygonOpen,
      canClear: !isLocked && drawing.pixels > 0,
      percent: Math.round(view.scale * view.ratio * 100),
    });
    this.#polygonBar.hidden = !sketch.isPolygonOpen;
    this.#polygonBar.querySelector("[data-action=close]").setAttribute("aria-disabled", String(sketch.numCorners < 3));
    this.#stage.dataset.cursor = this.#cursor();
    const corner = view.stagePoint(0, 0);
    Object.assign(view.live.dataset, { scale: view.scale, left: corner.x, top: corner.y });
    view.repaintLive();
  }

  #build(container) {
    const press = (action) => this.actions.perform(action);
    this.card = helpCard(this.t);
    this.#toolbar = buildToolbar(this.t, {
      press,
      slide: (name, value) => (name === "size" ? this.setRadius(radiusOf(value)) : this.looking.set({ [name]: value })),
      released: () => this.focus(),
    });
    this.#polygonBar = buildPolygonBar(this.t, (action) => {
      press(action);
      this.focus();
    });
    this.#stage = element("div", { class: "desk-stage" });
    this.#desk = element("div", { class: "desk" }, this.#stage, this.#toolbar.element, this.card);
    container.append(this.#desk);
  }

  #showLook(look) {
    this.#keys.windowKey.use();
    this.view.repaintBase(() => this.xray.show(look));
    this.onLook?.();
    this.update();
  }

  #show(film) {
    const { height, width } = this.drawing;
    const color = getComputedStyle(this.#desk).getPropertyValue("--mark").trim() || "#ffb000";
    const { findings } = this;
    const marks = findings.length ? new FindingMarks(height, width, findings) : new Marks(height, width, color);
    this.xray = openXray(film);
    this.view = new View(this.#stage, this.xray, marks, {
      paintLive: (context) => this.#paintLive(context),
      onChange: () => {
        queueMicrotask(() => this.update());
        this.onShown?.();
      },
    });
    this.brush = new BrushSize(this.view);
    this.sketch = new Sketch(this.drawing, this.view, marks, {
      onEvent: this.onEvent,
      onSmall: () => this.say("desk.said.small"),
      onPolygon: this.onPolygon,
    });
    this.view.smooth(this.looking.isSmooth);
    const canvas = this.view.live;
    canvas.removeAttribute("aria-hidden");
    const attributes = { tabindex: "0", role: "application", "aria-label": this.t("desk.canvas") };
    for (const [name, value] of Object.entries(attributes)) canvas.setAttribute(name, value);
    this.#stage.append(this.#polygonBar);
  }

  #pointerHooks() {
    const { sketch, view } = this;
    return {
      intent: () => (this.isHand ? "pan" : this.isWindowing ? "window" : this.isLocked ? "pan" : "draw"),
      begin: (point, event) => this.#beginStroke(point, event),
      move: (points) => sketch.move(points),
      end: () => sketch.lift(),
      cancel: () => sketch.cancel(),
      window: (dx, dy) => this.looking.drag(dx, dy),
      pan: (dx, dy) => view.pan(dx, dy),
      zoom: (factor, x, y) => view.zoom(factor, x, y),
      hover: (point) => {
        sketch.pointer = point;
        view.repaintLive();
      },
      busy: (kind) => {
        this.#gesture = kind;
        this.update();
      },
    };
  }

  #beginStroke(point, event) {
    this.focus();
    if (!this.view.showsMarks) this.actions.toggleMarks();
    const isEraser = event.button === 5; // the eraser end of a pen
    const drawn = { ...this.style, radius: this.brush.onImage };
    const style = isEraser ? { ...drawn, tool: "brush", mode: "remove" } : drawn;
    this.sketch.begin(event.altKey ? { ...style, mode: "remove" } : style, point, event.pointerType);
  }

  #paintLive(context) {
    const isDrawing = !this.isHand && !this.isLocked && !this.isWindowing && (this.#gesture ?? "draw") === "draw";
    const hasRadius = ["brush", "point"].includes(this.style.tool);
    const brush = hasRadius && isDrawing ? { ...this.style, radius: this.brush.onImage } : null;
    this.others?.paint(context, this.view);
    if (this.branch) paintBranch(context, this.view, this.branch);
    this.sketch.paint(context, { brush, atMiddle: this.#sizeTimer !== 0 });
  }

  #cursor() {
    const gesture = this.#gesture;
    const isPan = this.isHand || (this.isLocked && !this.isWindowing) || gesture === "pan" || gesture === "pinch";
    if (isPan) return gesture ? "grabbing" : "grab";
    return this.isWindowing ? "window" : this.style.tool;
  }
}
