// The drawing desk: one X-ray, its marks and the tools to draw them. It combines the drawing (what is recorded), the
// sketch (what is being drawn), the view (what is shown), the pointers, the keyboard and the toolbar.

import { Drawing } from "./drawing.js";
import { element } from "./elements.js";
import { Marks } from "./marks.js";
import { RADII } from "./pen.js";
import { followPointers } from "./pointer.js";
import { actionOf, helpCard } from "./shortcuts.js";
import { Sketch } from "./sketch.js";
import { buildPolygonBar, buildToolbar, positionOf, radiusOf } from "./toolbar.js";
import { View } from "./view.js";
import { AS_IT_IS, Xray } from "./xray.js";

const PAN_STEP = 80; // CSS pixels by which an arrow key moves the image
const ZOOM_STEP = 1.25;
const HOLD_MS = 400; // W held for longer acts while it is held; a shorter press toggles
const SIZE_SHOWN_MS = 900;
const ONCE = ["hand", "window", "help", "invert", "marks", "remove", "clear"]; // not repeated while a key is held
const CHANGES = ["undo", "redo", "clear"]; // the drawing, and so not of a locked one

const kept = { tool: "brush", mode: "add", radius: null }; // from one image to the next, until the page is reloaded

/**
 * Opens the desk in a container, which it fills.
 * @param {HTMLElement} container
 * @param {{image: HTMLImageElement, width: number, height: number, events: object[],
 *   t: (key: string, values?: object) => string, onEvent: (event: object) => void,
 *   onMessage: (text: string) => void}} options image: loaded, of this origin; onEvent receives each event as
 *   soon as it is part of the log; onMessage receives short texts for an aria-live region
 * @returns {{events: object[], mask: () => {size: [number, number], counts: number[]}, pixels: () => number,
 *   isDrawing: () => boolean, replaceEvents: (events: object[]) => void, clear: () => void, focus: () => void,
 *   lock: () => void, close: () => void}} isDrawing: a stroke or an open polygon is in progress, not yet an event; lock:
 *   from now on the drawing is shown and no longer changed
 */
export function openDesk(container, { image, width, height, events, t, onEvent, onMessage }) {
  const drawing = new Drawing(height, width, events);
  const color = getComputedStyle(container).getPropertyValue("--mark").trim() || "#ffb000";
  const xray = new Xray(image, width, height);
  const marks = new Marks(height, width, color);
  const look = { ...AS_IT_IS };
  kept.radius ??= radiusOf(positionOf(Math.max(width, height) / 64));

  let isLocked = false;
  let isHand = false; // Space is held
  let isWindowing = false; // a drag sets window and level
  let windowKey = null; // {at, before, used} while W is held
  let gesture = null;
  let sizeTimer = 0;

  const stage = element("div", { class: "desk-stage" });
  const card = helpCard(t);
  const toolbar = buildToolbar(t, { press: act, slide, released: focus });
  const polygonBar = buildPolygonBar(t, (action) => {
    act(action);
    focus();
  });
  const desk = element("div", { class: "desk" }, stage, toolbar.element, card);
  container.append(desk);
  const view = new View(stage, xray, marks, { paintLive, onChange: () => queueMicrotask(update) });
  const sketch = new Sketch(drawing, view, marks, { onEvent, onSmall: () => onMessage(t("desk.said.small")) });
  const canvas = view.live;
  canvas.removeAttribute("aria-hidden");
  for (const [name, value] of Object.entries({ tabindex: "0", role: "application", "aria-label": t("desk.canvas") })) {
    canvas.setAttribute(name, value);
  }
  stage.append(polygonBar);

  const pointers = followPointers(canvas, {
    intent: () => (isHand ? "pan" : isWindowing ? "window" : isLocked ? "pan" : "draw"),
    begin(point, event) {
      focus();
      if (!view.showsMarks) toggleMarks();
      const isEraser = event.button === 5; // the eraser end of a pen
      const style = isEraser ? { ...kept, tool: "brush", mode: "remove" } : { ...kept };
      sketch.begin(event.altKey ? { ...style, mode: "remove" } : style, point, event.pointerType);
    },
    move: (points) => sketch.move(points),
    end: () => sketch.lift(),
    cancel: () => sketch.cancel(),
    window: (dx, dy) => setLook({ window: look.window + dx, level: look.level + dy / 2 }),
    pan: (dx, dy) => view.pan(dx, dy),
    zoom: (factor, x, y) => view.zoom(factor, x, y),
    hover(point) {
      sketch.pointer = point;
      view.repaintLive();
    },
    busy(kind) {
      gesture = kind;
      update();
    },
  });
  document.addEventListener("keydown", onKeyDown, { capture: true });
  document.addEventListener("keyup", onKeyUp, { capture: true });
  window.addEventListener("blur", letGo);
  update();

  function focus() {
    canvas.focus({ preventScroll: true });
  }

  function paintLive(context) {
    const isBrush = kept.tool === "brush" && !isHand && !isLocked && !isWindowing && (gesture ?? "draw") === "draw";
    sketch.paint(context, { brush: isBrush ? kept : null, atMiddle: sizeTimer !== 0 });
  }

  /** Shows the current state on buttons, sliders and cursor. */
  function update() {
    if (!desk.isConnected) return;
    toolbar.update({
      ...kept,
      look,
      isWindowing,
      showsMarks: view.showsMarks,
      canUndo: !isLocked && (drawing.canUndo || sketch.isPolygonOpen),
      canRedo: !isLocked && drawing.canRedo && !sketch.isPolygonOpen,
      canClear: !isLocked && drawing.pixels > 0,
      percent: Math.round(view.scale * view.ratio * 100),
    });
    polygonBar.hidden = !sketch.isPolygonOpen;
    polygonBar.querySelector("[data-action=close]").setAttribute("aria-disabled", String(sketch.numCorners < 3));
    const isPan = isHand || (isLocked && !isWindowing) || gesture === "pan" || gesture === "pinch";
    stage.dataset.cursor = isPan ? (gesture ? "grabbing" : "grab") : isWindowing ? "window" : kept.tool;
    const corner = view.stagePoint(0, 0);
    Object.assign(canvas.dataset, { scale: view.scale, left: corner.x, top: corner.y });
    view.repaintLive();
  }

  function setLook(change) {
    Object.assign(look, change);
    look.level = Math.min(256, Math.max(0, look.level));
    look.window = Math.min(512, Math.max(2, look.window));
    if (windowKey) windowKey.used = true;
    view.repaintBase(() => xray.show(look));
    update();
  }

  function toggleMarks() {
    view.showsMarks = !view.showsMarks;
    view.repaintMarks();
    onMessage(t(view.showsMarks ? "desk.said.shown" : "desk.said.hidden"));
  }

  /** Performs the action of a key or button. @returns {boolean} false if it has no meaning now */
  function act(action) {
    if (isLocked && CHANGES.includes(action)) return true;
    const actions = {
      brush: () => choose("brush", "brush", "add"),
      outline: () => choose("outline", "outline", "add"),
      polygon: () => choose("polygon", "polygon", "add"),
      eraser: () => choose("eraser", "brush", "remove"),
      remove: () => setMode(kept.mode === "remove" ? "add" : "remove"),
      smaller: () => setRadius(radiusOf(positionOf(kept.radius) - 1)),
      larger: () => setRadius(radiusOf(positionOf(kept.radius) + 1)),
      undo,
      redo: () => !sketch.pen && record(drawing.redo(), "desk.said.redo"),
      clear,
      zoomIn: () => view.zoom(ZOOM_STEP),
      zoomOut: () => view.zoom(1 / ZOOM_STEP),
      fit: () => view.fit(),
      oneToOne: () => view.oneToOne(),
      left: () => view.pan(PAN_STEP, 0),
      right: () => view.pan(-PAN_STEP, 0),
      up: () => view.pan(0, PAN_STEP),
      down: () => view.pan(0, -PAN_STEP),
      hand: () => (isHand = true),
      window: () => (isWindowing = !isWindowing),
      invert: () => setLook({ inverted: !look.inverted }),
      reset,
      marks: toggleMarks,
      help: () => card.showModal(),
    };
    if (action in actions) actions[action]();
    else if (!actOnPen(action)) return false;
    update();
    return true;
  }

  /** Enter, Backspace and Escape, which belong to the desk only while something is in progress. */
  function actOnPen(action) {
    if (action === "cancel" && isWindowing && !sketch.pen) isWindowing = false;
    else if (action === "cancel" && sketch.pen) {
      pointers.drop();
      sketch.drop();
      onMessage(t("desk.said.dropped"));
    } else if (!sketch.isPolygonOpen) return false;
    else if (action === "close" && sketch.numCorners >= 3) sketch.finish();
    else if (action === "back") sketch.removeCorner();
    return true;
  }

  function choose(name, tool, mode) {
    sketch.drop();
    Object.assign(kept, { tool, mode });
    isWindowing = false;
    onMessage(t("desk.said.tool", { tool: t(`desk.${name}.short`) }));
  }

  function setMode(mode) {
    sketch.drop();
    kept.mode = mode;
    onMessage(t(mode === "remove" ? "desk.said.removes" : "desk.said.adds"));
  }

  function reset() {
    setLook(AS_IT_IS);
    isWindowing = false;
    view.fit();
    onMessage(t("desk.said.reset"));
  }

  function slide(name, value) {
    if (name === "size") setRadius(radiusOf(value));
    else setLook({ [name]: value });
  }

  function setRadius(radius) {
    kept.radius = Math.min(RADII.largest, Math.max(RADII.smallest, radius));
    clearTimeout(sizeTimer);
    sizeTimer = setTimeout(() => {
      sizeTimer = 0;
      view.repaintLive();
    }, SIZE_SHOWN_MS);
    update();
  }

  function undo() {
    if (sketch.isPolygonOpen) sketch.removeCorner();
    else if (sketch.pen) pointers.drop();
    else record(drawing.undo(), "desk.said.undo");
  }

  function clear() {
    pointers.drop();
    sketch.drop();
    if (drawing.pixels > 0) record(drawing.clear(), "desk.said.clear");
  }

  function record(step, said) {
    if (!step) return;
    onEvent(step.event);
    sketch.showMask(step.box);
    onMessage(t(said));
    update();
  }

  function onKeyDown(event) {
    const action = actionOf(event);
    if (!action) return;
    const isRepeat = event.repeat && ONCE.includes(action);
    if (action === "window" && !isRepeat) windowKey = { at: event.timeStamp, before: isWindowing, used: false };
    if (!isRepeat && !act(action)) return;
    event.preventDefault();
    event.stopPropagation(); // Enter that closes a polygon must not also submit
  }

  function onKeyUp(event) {
    if (event.key === " ") isHand = false;
    if (event.key.toLowerCase() === "w" && windowKey) {
      if (windowKey.used || event.timeStamp - windowKey.at > HOLD_MS) isWindowing = windowKey.before;
      windowKey = null;
    }
    update();
  }

  /** The window loses the keyboard: the release of a key that is held down will not be reported. */
  function letGo() {
    isHand = false;
    if (windowKey) isWindowing = windowKey.before;
    windowKey = null;
    update();
  }

  return {
    get events() {
      return drawing.events.slice();
    },
    mask: () => drawing.encoded(),
    pixels: () => drawing.pixels,
    isDrawing: () => sketch.pen !== null,
    replaceEvents(replaced) {
      pointers.drop();
      sketch.drop();
      drawing.replace(replaced);
      sketch.showMask({ top: 0, bottom: height, left: 0, right: width });
      update();
    },
    clear,
    focus,
    lock() {
      isLocked = true;
      update();
    },
    close() {
      pointers.close();
      document.removeEventListener("keydown", onKeyDown, { capture: true });
      document.removeEventListener("keyup", onKeyUp, { capture: true });
      window.removeEventListener("blur", letGo);
      clearTimeout(sizeTimer);
      view.close();
      desk.remove();
    },
  };
}
