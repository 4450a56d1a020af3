// The drawing of one task: its append-only log of events and the mask that the log gives, kept up to date. Every step
// stores only the runs of pixels that it changed. Undo and redo flip those runs, so they cost no more than the stroke
// did, wherever it is in the log, and 1,000 strokes take a few megabytes.

import { applyStroke, countsOf, strokeBox } from "./raster.js";

/** The event log of one task and its mask. */
export class Drawing {
  /**
   * @param {number} height @param {number} width @param {object[]} events the log so far
   * @param {string} finding what the next strokes mark, in a study that names findings; "" in another
   */
  constructor(height, width, events = [], finding = "") {
    this.height = height;
    this.width = width;
    this.finding = finding;
    this.replace(events);
  }

  /** Replaces the log. Throws on an event of an unknown kind. */
  replace(events) {
    this.events = [];
    this.masks = new Map(); // by finding
    this.numbers = new Map(); // of marked pixels, by finding
    this.done = [];
    this.undone = [];
    for (const event of events) {
      this.#play(event);
      this.events.push(event);
    }
  }

  /** What is marked as the chosen finding: row-major, one byte per pixel, 0 or 1; read only. */
  get mask() {
    return this.maskOf(this.finding);
  }

  /** What is marked as a finding; see `mask`. @param {string} finding */
  maskOf(finding) {
    if (!this.masks.has(finding)) this.masks.set(finding, new Uint8Array(this.height * this.width));
    return this.masks.get(finding);
  }

  /** Number of marked pixels, summed over all findings. */
  get pixels() {
    return [...this.numbers.values()].reduce((sum, number) => sum + number, 0);
  }

  /** Number of pixels marked as a finding. @param {string} finding */
  pixelsOf(finding) {
    return this.numbers.get(finding) ?? 0;
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
    const of = this.finding ? { finding: this.finding } : {};
    return this.#append({ kind: "stroke", tool, mode, radius, points, ...of });
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

  /** @returns {{size: [number, number], counts: number[]}} what is marked as a finding, as COCO run lengths */
  encoded(finding = this.finding) {
    return { size: [this.height, this.width], counts: countsOf(this.maskOf(finding), this.height, this.width) };
  }

  /** @returns {{size: [number, number], counts: number[]}} what is marked as any finding, as COCO run lengths */
  encodedTogether() {
    const together = new Uint8Array(this.height * this.width);
    for (const mask of this.masks.values()) for (let i = 0; i < mask.length; i += 1) together[i] |= mask[i];
    return { size: [this.height, this.width], counts: countsOf(together, this.height, this.width) };
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
    this.#count(change, 1);
    return change.box;
  }

  #count({ parts }, sign) {
    for (const { finding, gain } of parts) this.numbers.set(finding, this.pixelsOf(finding) + sign * gain);
  }

  /** Flips the last change of one stack and moves it to the other. */
  #step(from, to) {
    const change = from.pop();
    if (!change) return { top: 0, bottom: 0, left: 0, right: 0 };
    for (const { finding, runs } of change.parts) {
      const mask = this.maskOf(finding);
      for (let i = 0; i < runs.length; i += 2) {
        mask.fill(1 - mask[runs[i]], runs[i], runs[i] + runs[i + 1]); // all pixels of a run have one value
      }
    }
    to.push(change);
    this.#count(change, -1);
    for (const part of change.parts) part.gain = -part.gain;
    return change.box;
  }

  /** Applies a stroke; returns its change. */
  #draw(stroke) {
    const finding = stroke.finding ?? "";
    const mask = this.maskOf(finding);
    const box = strokeBox(stroke, this.height, this.width);
    const wide = Math.max(0, box.right - box.left);
    const high = Math.max(0, box.bottom - box.top);
    const before = new Uint8Array(wide * high);
    for (let row = 0; row < high; row += 1) {
      const start = (box.top + row) * this.width + box.left;
      before.set(mask.subarray(start, start + wide), row * wide);
    }
    applyStroke(mask, { ...stroke, radius: stroke.radius || 0 }, this.height, this.width);
    const runs = [];
    for (let row = 0; row < high; row += 1) {
      const start = (box.top + row) * this.width + box.left;
      for (let col = 0; col < wide; col += 1) {
        if (mask[start + col] === before[row * wide + col]) continue;
        const from = col; // a stroke either adds or removes, so a run of changes has one value
        while (col < wide && mask[start + col] !== before[row * wide + col]) col += 1;
        runs.push(start + from, col - from);
      }
    }
    const changed = runs.reduce((sum, value, i) => (i % 2 ? sum + value : sum), 0);
    const gain = stroke.mode === "add" ? changed : -changed;
    return { parts: [{ finding, runs: Int32Array.from(runs), gain }], box };
  }

  /** Empties the masks of all findings; returns the change. */
  #erase() {
    const box = { top: 0, bottom: this.height, left: 0, right: this.width };
    return { parts: [...this.masks.keys()].map((finding) => this.#emptied(finding)), box };
  }

  #emptied(finding) {
    const mask = this.maskOf(finding);
    const runs = [];
    let start = mask.indexOf(1);
    while (start >= 0) {
      const end = mask.indexOf(0, start);
      runs.push(start, (end < 0 ? mask.length : end) - start);
      start = end < 0 ? -1 : mask.indexOf(1, end);
    }
    mask.fill(0);
    return { finding, runs: Int32Array.from(runs), gain: -this.pixelsOf(finding) };
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
