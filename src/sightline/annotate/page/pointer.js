// Turns mouse, touch and pen input into gestures. Points are window points in CSS pixels (clientX, clientY).

const SECOND_FINGER_MS = 150; // a second finger this soon after the first means a pinch, not two strokes
const SECOND_FINGER_PX = 6; // and so does one that comes before the first has moved this far
const PEN_MS = 1000; // touches count as the drawing hand's palm while a pen is near and for this long afterwards
const LINE_PX = 16; // pixels per line, for wheels that count in lines

/**
 * Follows the pointers on an element.
 * @param {HTMLElement} surface
 * @param {object} on what to call:
 *   intent(event) -> "draw" | "pan" | "window": what pressing the main button, a finger or a pen does;
 *   begin(point, event), move(points), end(), cancel(): one stroke: its points as they come, then lifted or dropped;
 *   window(dx, dy): a drag that sets window and level; pan(dx, dy); zoom(factor, x, y) about a point;
 *   hover(point | null): a pointer that is not pressed, null when it has left;
 *   busy(kind | null): "draw", "pan", "window" or "pinch" when a gesture begins, null when it ends
 * @returns {{drop: () => void, close: () => void}} `drop` cancels the gesture in progress, `close` stops following
 */
export function followPointers(surface, on) {
  const fingers = new Map(); // id -> last point, of the touches that count
  let gesture = null; // {kind, id, x, y, startedAt, travelled}; a pinch has no id
  let penSeenAt = -Infinity;
  let penIsDown = false;

  const start = (kind, event) => {
    const { pointerId: id, clientX: x, clientY: y } = event;
    gesture = { kind, id, x, y, startedAt: event.timeStamp, travelled: 0 };
    surface.setPointerCapture(id);
    on.busy(kind);
    if (kind === "draw") on.begin({ x, y }, event);
  };

  const stop = (isDropped) => {
    const { kind } = gesture;
    gesture = null;
    if (kind === "draw") (isDropped ? on.cancel : on.end)();
    on.busy(null);
  };

  const drop = () => gesture && stop(true);

  const down = (event) => {
    if (event.pointerType === "touch") {
      touch(event);
      return;
    }
    if (event.pointerType === "pen") {
      penIsDown = true;
      penSeenAt = event.timeStamp;
      if (fingers.size) drop(); // the palm touched first
      fingers.clear();
    }
    if (gesture || !event.isPrimary) return;
    event.preventDefault(); // no text selection, no middle-button scrolling
    const isEraser = event.pointerType === "pen" && event.button === 5;
    if (event.button === 0 || isEraser) start(on.intent(event), event);
    else if (event.button === 1 || event.button === 2) start("pan", event);
  };

  const touch = (event) => {
    if (penIsDown || event.timeStamp - penSeenAt < PEN_MS) return;
    if (fingers.size === 0 && !gesture) {
      fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      start(on.intent(event), event);
    } else if (fingers.size === 1 && fingers.has(gesture?.id)) {
      const isLate = event.timeStamp - gesture.startedAt >= SECOND_FINGER_MS && gesture.travelled >= SECOND_FINGER_PX;
      if (gesture.kind === "draw" && isLate) return; // a hand resting beside a stroke in progress
      drop();
      fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      surface.setPointerCapture(event.pointerId);
      gesture = { kind: "pinch" };
      on.busy("pinch");
    }
  };

  const move = (event) => {
    if (event.pointerType === "pen") penSeenAt = event.timeStamp;
    if (event.pointerType === "touch" && !fingers.has(event.pointerId)) return;
    if (gesture?.kind === "pinch" && fingers.has(event.pointerId)) pinch(event);
    else if (gesture?.id === event.pointerId) drag(event);
    else if (!gesture && event.pointerType !== "touch") on.hover({ x: event.clientX, y: event.clientY });
  };

  const pinch = (event) => {
    const before = spread(fingers);
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    const after = spread(fingers);
    on.pan(after.x - before.x, after.y - before.y);
    if (before.size > 0 && after.size > 0) on.zoom(after.size / before.size, after.x, after.y);
  };

  const drag = (event) => {
    const dx = event.clientX - gesture.x;
    const dy = event.clientY - gesture.y;
    gesture.travelled += Math.hypot(dx, dy);
    gesture.x = event.clientX;
    gesture.y = event.clientY;
    if (gesture.kind === "draw") {
      const events = event.getCoalescedEvents?.() ?? [];
      on.move((events.length ? events : [event]).map(({ clientX: x, clientY: y }) => ({ x, y })));
    } else {
      on[gesture.kind](dx, dy);
    }
  };

  const up = (event) => {
    if (event.pointerType === "pen") {
      penIsDown = false;
      penSeenAt = event.timeStamp;
    }
    const isPinching = gesture?.kind === "pinch" && fingers.has(event.pointerId);
    fingers.delete(event.pointerId);
    if (isPinching) {
      fingers.clear(); // the remaining finger does nothing until it is lifted too
      stop(false);
    } else if (gesture?.id === event.pointerId) {
      if (gesture.kind === "draw") on.move([{ x: event.clientX, y: event.clientY }]);
      stop(false);
    }
  };

  const lost = (event) => {
    if (event.pointerType === "pen") penIsDown = false;
    const isOurs = gesture?.id === event.pointerId || (gesture?.kind === "pinch" && fingers.has(event.pointerId));
    fingers.delete(event.pointerId);
    if (isOurs) drop();
  };

  const leave = (event) => {
    if (!gesture && event.pointerType !== "touch") on.hover(null);
  };

  const wheel = (event) => {
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === 1 ? LINE_PX : event.deltaMode === 2 ? surface.clientHeight : 1);
    const rate = event.ctrlKey ? 0.01 : 0.0015; // a touchpad's pinch arrives as a wheel with Ctrl, in small steps
    on.zoom(Math.exp(-Math.max(-400, Math.min(400, pixels)) * rate), event.clientX, event.clientY);
  };

  const refuse = (event) => event.preventDefault(); // the right button pans; double taps, long presses: nothing

  const listeners = {
    pointerdown: down,
    pointermove: move,
    pointerup: up,
    pointercancel: lost,
    lostpointercapture: lost,
    pointerleave: leave,
    wheel,
    contextmenu: refuse,
    touchstart: refuse,
  };
  for (const [name, listener] of Object.entries(listeners)) {
    surface.addEventListener(name, listener, { passive: false });
  }
  const close = () => {
    drop();
    for (const [name, listener] of Object.entries(listeners)) surface.removeEventListener(name, listener);
  };
  return { drop, close };
}

/** Midpoint of two fingers and their distance. */
function spread(fingers) {
  const [a, b] = fingers.values();
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, size: Math.hypot(a.x - b.x, a.y - b.y) };
}
