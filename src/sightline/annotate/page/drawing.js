// The drawing of one task: its append-only log of events and the mask that the log gives, kept up to date. Every step
// stores only the runs of pixels that it changed. Undo and redo flip those runs, so they cost no more than the stroke
// did, wherever it is in the log, and 1,000 strokes take a few megabytes.

import { applyStroke, countsOf, strokeBox } from "./raster.js";

/** The event log of one task and its mask. */
export class Drawing {
  /** @param {number} height @param {number} width @param {object[]} events the log so far */
  constructor(height, width, events = []) {
    this.height = height;
    this.width = width;
    this.replace(events);
  }

  /** Replaces the log. Throws on an event of an unknown kind. */
  replace(events) {
    this.events = [];
    /** Row-major, one byte per pixel, 0 or 1; read only. */
    this.mask = new Uint8Array(this.height * this.width);
    /** Number of marked pixels. */
    this.pixels = 0;
    this.done = [];
    this.undone = [];
    for (const event of events) {
      this.#play(event);
      this.events.push(event);
    }
  }

  get canUndo() {
    return this.done.length > 0;
  }

  get canRedo() {
    return this.undone.length > 0;
  }

  /**
   * Appends a stroke.
   * @returns {{event: object, box: import("./boxes.js").Box}} the event, and the pixels that it may have changed
   */
  stroke({ tool, mode, radius, points }) {
    return this.#append({ kind: "stroke", tool, mode, radius, points });
  }

  /** Appends a clear. @returns {{event: object, box: import("./boxes.js").Box}} */
  clear() {
    return this.#append({ kind: "clear" });
  }

  /**
   * Appends an undo.
   * @returns {{event: object, box: import("./boxes.js").Box} | null} null, and nothing recorded, without one to undo
   */
  undo() {
    return this.canUndo ? this.#append({ kind: "undo" }) : null;
  }

  /**
   * Appends a redo.
   * @returns {{event: object, box: import("./boxes.js").Box} | null} null, and nothing recorded, without one to redo
   */
  redo() {
    return this.canRedo ? this.#append({ kind: "redo" }) : null;
  }

  /** @returns {{size: [number, number], counts: number[]}} the mask as COCO run lengths */
  encoded() {
    return { size: [this.height, this.width], counts: countsOf(this.mask, this.height, this.width) };
  }

  #append(what) {
    const event = { id: uuid(), seq: this.events.length, at: new Date().toISOString(), ...what };
    const box = this.#play(event);
    this.events.push(event);
    return { event, box };
  }

  /** Applies an event to the mask; returns the box of the pixels that it may have changed. */
  #play(event) {
    if (event.kind === "stroke") return this.#take(this.#draw(event));
    if (event.kind === "clear") return this.#take(this.#erase());
    if (event.kind === "undo") return this.#step(this.done, this.undone);
    if (event.kind === "redo") return this.#step(this.undone, this.done);
    throw new Error(`event kind ${event.kind}: expected stroke, clear, undo or redo`);
  }

  #take(change) {
    this.done.push(change);
    this.undone.length = 0;
    this.pixels += change.gain;
    return change.box;
  }

  /** Flips the last change of one stack and moves it to the other. */
  #step(from, to) {
    const change = from.pop();
    if (!change) return { top: 0, bottom: 0, left: 0, right: 0 };
    for (let i = 0; i < change.runs.length; i += 2) {
      const start = change.runs[i];
      this.mask.fill(1 - this.mask[start], start, start + change.runs[i + 1]); // all pixels of a run have one value
    }
    to.push(change);
    this.pixels -= change.gain;
    change.gain = -change.gain;
    return change.box;
  }

  /** Applies a stroke; returns its change. */
  #draw(stroke) {
    const box = strokeBox(stroke, this.height, this.width);
    const wide = Math.max(0, box.right - box.left);
    const high = Math.max(0, box.bottom - box.top);
    const before = new Uint8Array(wide * high);
    for (let row = 0; row < high; row += 1) {
      const start = (box.top + row) * this.width + box.left;
      before.set(this.mask.subarray(start, start + wide), row * wide);
    }
    applyStroke(this.mask, { ...stroke, radius: stroke.radius || 0 }, this.height, this.width);
    const runs = [];
    for (let row = 0; row < high; row += 1) {
      const start = (box.top + row) * this.width + box.left;
      for (let col = 0; col < wide; col += 1) {
        if (this.mask[start + col] === before[row * wide + col]) continue;
        const from = col; // a stroke either adds or removes, so a run of changes has one value
        while (col < wide && this.mask[start + col] !== before[row * wide + col]) col += 1;
        runs.push(start + from, col - from);
      }
    }
    const changed = runs.reduce((sum, value, i) => (i % 2 ? sum + value : sum), 0);
    return { runs: Int32Array.from(runs), gain: stroke.mode === "add" ? changed : -changed, box };
  }

  /** Empties the mask; returns the change. */
  #erase() {
    const runs = [];
    let start = this.mask.indexOf(1);
    while (start >= 0) {
      const end = this.mask.indexOf(0, start);
      runs.push(start, (end < 0 ? this.mask.length : end) - start);
      start = end < 0 ? -1 : this.mask.indexOf(1, end);
    }
    this.mask.fill(0);
    const box = { top: 0, bottom: this.height, left: 0, right: this.width };
    return { runs: Int32Array.from(runs), gain: -this.pixels, box };
  }
}

/** A random version 4 UUID. On plain HTTP, where browsers withhold randomUUID, it uses the same random source. */
export function uuid() {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
