// Turns mouse, touch and pen input into gestures. Points are window points in CSS pixels (clientX, clientY).

const SECOND_FINGER_MS = 150; // a second finger this soon after the first means a pinch, not two strokes
const SECOND_FINGER_PX = 6; // and so does one that comes before the first has moved this far
const PEN_MS = 1000; // touches count as the drawing hand's palm while a pen is near and for this long afterwards
const LINE_PX = 16; // pixels per line, for wheels that count in lines

/** Follows the pointers on an element until it is closed. */
export class Pointers {
  #surface;
  #on;
  #fingers = new Map(); // id -> last point, of the touches that count
  #gesture = null; // {kind, id, x, y, startedAt, travelled}; a pinch has no id
  #penSeenAt = -Infinity;
  #penIsDown = false;
  #listeners;
  #waiting = []; // for the end of the gesture

  /**
   * @param {HTMLElement} surface
   * @param {object} on what to call:
   *   intent(event) -> "draw" | "pan" | "window": what pressing the main button, a finger or a pen does;
   *   begin(point, event), move(points), end(), cancel(): one stroke: its points as they come, then lifted or dropped;
   *   window(dx, dy): a drag that sets window and level; pan(dx, dy); zoom(factor, x, y) about a point;
   *   hover(point | null): a pointer that is not pressed, null when it has left;
   *   busy(kind | null): "draw", "pan", "window" or "pinch" when a gesture begins, null when it ends
   */
  constructor(surface, on) {
    this.#surface = surface;
    this.#on = on;
    const lost = (event) => this.#lost(event);
    const refuse = (event) => event.preventDefault(); // the right button pans; double taps, long presses: nothing
    this.#listeners = {
      pointerdown: (event) => this.#down(event),
      pointermove: (event) => this.#move(event),
      pointerup: (event) => this.#up(event),
      pointercancel: lost,
      lostpointercapture: lost,
      pointerleave: (event) => this.#leave(event),
      wheel: (event) => this.#wheel(event),
      contextmenu: refuse,
      touchstart: refuse,
    };
    for (const [name, listener] of Object.entries(this.#listeners)) {
      surface.addEventListener(name, listener, { passive: false });
    }
  }

  /** Cancels the gesture in progress. */
  drop() {
    if (this.#gesture) this.#stop(true);
  }

  /** Calls `work` at once, or when the gesture in progress has ended: for what moves the image under the pen. */
  whenFree(work) {
    if (this.#gesture) this.#waiting.push(work);
    else work();
  }

  /** Cancels the gesture in progress and follows no longer. */
  close() {
    this.drop();
    for (const [name, listener] of Object.entries(this.#listeners)) this.#surface.removeEventListener(name, listener);
  }

  #start(kind, event) {
    const { pointerId: id, clientX: x, clientY: y } = event;
    this.#gesture = { kind, id, x, y, startedAt: event.timeStamp, travelled: 0 };
    this.#surface.setPointerCapture(id);
    this.#on.busy(kind);
    if (kind === "draw") this.#on.begin({ x, y }, event);
  }

  #stop(isDropped) {
    const { kind } = this.#gesture;
    this.#gesture = null;
    if (kind === "draw" && isDropped) this.#on.cancel();
    else if (kind === "draw") this.#on.end();
    this.#on.busy(null);
    for (const work of this.#waiting.splice(0)) work();
  }

  #down(event) {
    if (event.pointerType === "touch") {
      this.#touch(event);
      return;
    }
    if (event.pointerType === "pen") {
      this.#penIsDown = true;
      this.#penSeenAt = event.timeStamp;
      if (this.#fingers.size) this.drop(); // the palm touched first
      this.#fingers.clear();
    }
    if (this.#gesture || !event.isPrimary) return;
    event.preventDefault(); // no text selection, no middle-button scrolling
    const isEraser = event.pointerType === "pen" && event.button === 5;
    if (event.button === 0 || isEraser) this.#start(this.#on.intent(event), event);
    else if (event.button === 1 || event.button === 2) this.#start("pan", event);
  }

  #touch(event) {
    if (this.#penIsDown || event.timeStamp - this.#penSeenAt < PEN_MS) return;
    const gesture = this.#gesture;
    if (this.#fingers.size === 0 && !gesture) {
      this.#fingers.set(event.pointerId, pointOf(event));
      this.#start(this.#on.intent(event), event);
    } else if (this.#fingers.size === 1 && this.#fingers.has(gesture?.id)) {
      const isLate = event.timeStamp - gesture.startedAt >= SECOND_FINGER_MS && gesture.travelled >= SECOND_FINGER_PX;
      if (gesture.kind === "draw" && isLate) return; // a hand resting beside a stroke in progress
      this.drop();
      this.#fingers.set(event.pointerId, pointOf(event));
      this.#surface.setPointerCapture(event.pointerId);
      this.#gesture = { kind: "pinch" };
      this.#on.busy("pinch");
    }
  }

  #move(event) {
    if (event.pointerType === "pen") this.#penSeenAt = event.timeStamp;
    if (event.pointerType === "touch" && !this.#fingers.has(event.pointerId)) return;
    if (this.#isPinching(event)) this.#pinch(event);
    else if (this.#gesture?.id === event.pointerId) this.#drag(event);
    else if (!this.#gesture && event.pointerType !== "touch") this.#on.hover(pointOf(event));
  }

  #pinch(event) {
    const before = spread(this.#fingers);
    this.#fingers.set(event.pointerId, pointOf(event));
    const after = spread(this.#fingers);
    this.#on.pan(after.x - before.x, after.y - before.y);
    if (before.size > 0 && after.size > 0) this.#on.zoom(after.size / before.size, after.x, after.y);
  }

  #drag(event) {
    const gesture = this.#gesture;
    const dx = event.clientX - gesture.x;
    const dy = event.clientY - gesture.y;
    gesture.travelled += Math.hypot(dx, dy);
    Object.assign(gesture, pointOf(event));
    if (gesture.kind === "draw") {
      const events = event.getCoalescedEvents?.() ?? [];
      this.#on.move((events.length ? events : [event]).map(pointOf));
    } else {
      this.#on[gesture.kind](dx, dy);
    }
  }

  #up(event) {
    if (event.pointerType === "pen") {
      this.#penIsDown = false;
      this.#penSeenAt = event.timeStamp;
    }
    const isPinching = this.#isPinching(event);
    this.#fingers.delete(event.pointerId);
    if (isPinching) {
      this.#fingers.clear(); // the remaining finger does nothing until it is lifted too
      this.#stop(false);
    } else if (this.#gesture?.id === event.pointerId) {
      if (this.#gesture.kind === "draw") this.#on.move([pointOf(event)]);
      this.#stop(false);
    }
  }

  #lost(event) {
    if (event.pointerType === "pen") this.#penIsDown = false;
    const isOurs = this.#gesture?.id === event.pointerId || this.#isPinching(event);
    this.#fingers.delete(event.pointerId);
    if (isOurs) this.drop();
  }

  #leave(event) {
    if (!this.#gesture && event.pointerType !== "touch") this.#on.hover(null);
  }

  #wheel(event) {
    event.preventDefault();
    const perUnit = { 1: LINE_PX, 2: this.#surface.clientHeight }[event.deltaMode] ?? 1;
    const rate = event.ctrlKey ? 0.01 : 0.0015; // a touchpad's pinch arrives as a wheel with Ctrl, in small steps
    const pixels = Math.max(-400, Math.min(400, event.deltaY * perUnit));
    this.#on.zoom(Math.exp(-pixels * rate), event.clientX, event.clientY);
  }

  #isPinching(event) {
    return this.#gesture?.kind === "pinch" && this.#fingers.has(event.pointerId);
  }
}

function pointOf({ clientX: x, clientY: y }) {
  return { x, y };
}

/** Midpoint of two fingers and their distance. */
function spread(fingers) {
  const [a, b] = fingers.values();
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, size: Math.hypot(a.x - b.x, a.y - b.y) };
}
