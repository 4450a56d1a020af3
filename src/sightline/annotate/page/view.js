// Where the image is on the screen, and how it is painted: the X-ray, the marks and what is being drawn, one canvas
// each, so that a moving pen repaints only its own. Screen lengths are CSS pixels; `scale` is CSS per image pixel.

import { grown, intersection, union } from "./boxes.js";

const MAX_SCALE = 40;
const SHARP_FROM = 2; // device pixels per image pixel from which each image pixel is shown as a square
const DRAFT_FROM = 2_000_000; // device pixels of the stage from which the image is interpolated only at rest
const REST_MS = 120; // this long after the last zoom or pan, the image is at rest
const OVERVIEW = 112; // longest side of the overview, CSS pixels

/** Zoom, pan and painting of one image in a container. */
export class View {
  /**
   * @param {HTMLElement} stage the container to fill, also when its size changes
   * @param {ReturnType<import("./xray.js").openXray>} xray @param {import("./marks.js").Marks} marks
   * @param {{paintLive: (context: CanvasRenderingContext2D) => void, onChange: () => void}} hooks
   *   paintLive draws the top layer in CSS pixels of the stage; onChange is called after each zoom or pan
   */
  constructor(stage, xray, marks, { paintLive, onChange }) {
    Object.assign(this, { stage, xray, marks, paintLive, onChange });
    this.height = marks.height;
    this.width = marks.width;
    this.showsMarks = true;
    this.isSmooth = false; // whether the image's pixels are interpolated at every zoom
    this.opacity = 0.3;
    const layers = ["base", "marks", "canvas"].map((name) => layer(stage, `desk-layer desk-${name}`));
    [this.base, this.top, this.live] = layers;
    this.overview = layer(stage, "desk-overview");
    this.contexts = new Map([this.base, this.top, this.live, this.overview].map((c) => [c, c.getContext("2d")]));
    this.stale = { base: true, marks: true, live: true };
    this.dirty = null; // the box of marks to repaint; null for all
    this.scale = 1;
    this.x = 0; // of the image's corner on the stage
    this.y = 0;
    this.fitted = true;
    this.moving = 0; // a timer while the image moves, 0 at rest
    this.#resize();
    this.observer = new ResizeObserver(() => {
      this.#resize();
      this.#paint(); // at once: setting a canvas's size clears it, which would show until the next frame
    });
    this.observer.observe(stage);
    this.#followRatio();
  }

  /** Stops following the stage and removes the canvases. */
  close() {
    this.observer.disconnect();
    this.ratios.removeEventListener("change", this.onRatio);
    cancelAnimationFrame(this.frame);
    clearTimeout(this.moving);
    for (const canvas of [...this.contexts.keys(), this.marks.canvas]) {
      canvas.remove();
      canvas.width = 0; // releases its pixels now: those of the marks are 60 MB for a film of 15 megapixels
    }
    this.xray.close();
  }

  /** Image point at a window point (clientX, clientY). @returns {{x: number, y: number}} image pixels */
  imagePoint(clientX, clientY) {
    const box = this.live.getBoundingClientRect();
    return {
      x: (clientX - box.left - this.x) / this.scale,
      y: (clientY - box.top - this.y) / this.scale,
    };
  }

  /** Stage point at a window point. @returns {{x: number, y: number}} CSS pixels */
  onStage({ x, y }) {
    const box = this.live.getBoundingClientRect();
    return { x: x - box.left, y: y - box.top };
  }

  /** Stage point at which an image point is shown. @returns {{x: number, y: number}} CSS pixels */
  stagePoint(x, y) {
    return { x: this.x + x * this.scale, y: this.y + y * this.scale };
  }

  /** Shows the whole image as large as possible. */
  fit() {
    this.scale = this.#fitScale();
    this.x = this.#onDevice((this.stageWidth - this.width * this.scale) / 2);
    this.y = this.#onDevice((this.stageHeight - this.height * this.scale) / 2);
    this.#moved(true);
  }

  /** Shows one image pixel per device pixel, about the middle of the stage. */
  oneToOne() {
    this.zoom(1 / this.ratio / this.scale);
    this.x = this.#onDevice(this.x); // pixel on pixel: anywhere else, everything would blur
    this.y = this.#onDevice(this.y);
    this.#moved(false);
  }

  /** Zooms by a factor about a window point, by default the middle of the stage. */
  zoom(factor, clientX, clientY) {
    const box = this.live.getBoundingClientRect();
    const atX = clientX === undefined ? this.stageWidth / 2 : clientX - box.left;
    const atY = clientY === undefined ? this.stageHeight / 2 : clientY - box.top;
    const smallest = Math.min(this.#fitScale() / 2, 1 / this.ratio);
    const scale = Math.min(MAX_SCALE, Math.max(smallest, this.scale * factor));
    this.x = atX - ((atX - this.x) * scale) / this.scale;
    this.y = atY - ((atY - this.y) * scale) / this.scale;
    this.scale = scale;
    this.#moved(false);
  }

  /** Moves the image by CSS pixels. */
  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.#moved(false);
  }

  /** Moves the overview out of a pointer's way. @param {{x: number, y: number}} point of the window */
  makeRoom(point) {
    const { x, y } = this.onStage(point);
    const isNear = y > this.stageHeight - OVERVIEW - 60;
    if (isNear && x < OVERVIEW + 60) this.overview.classList.add("desk-aside");
    else if (isNear && x > this.stageWidth - OVERVIEW - 60) this.overview.classList.remove("desk-aside");
  }

  /** Requests repainting of the X-ray. @param {() => void} prepare called once before; of several, only the last */
  repaintBase(prepare) {
    this.prepare = prepare;
    this.#ask({ base: true });
  }

  /** Whether the image's pixels are interpolated at every zoom, not only where they are hardly larger than the screen's. */
  smooth(isSmooth) {
    this.isSmooth = isSmooth;
    this.#ask({ base: true });
  }

  /** Requests repainting of the marks in a box, or of all marks. @param {import("./boxes.js").Box} [box] */
  repaintMarks(box) {
    if (this.stale.marks) this.dirty = box && this.dirty ? union(this.dirty, box) : null;
    else this.dirty = box ?? null;
    this.#ask({ marks: true });
  }

  /** Requests repainting of the top layer. */
  repaintLive() {
    this.#ask({ live: true });
  }

  #fitScale() {
    return Math.min(this.stageWidth / this.width, this.stageHeight / this.height);
  }

  #onDevice(length) {
    return Math.round(length * this.ratio) / this.ratio;
  }

  /** Keeps part of the image in sight and repaints everything. */
  #moved(fitted) {
    this.fitted = fitted;
    const keep = (at, size, room) => {
      const least = Math.min(size, room, Math.max(64, room / 4));
      return Math.min(room - least, Math.max(least - size, at));
    };
    this.x = keep(this.x, this.width * this.scale, this.stageWidth);
    this.y = keep(this.y, this.height * this.scale, this.stageHeight);
    this.dirty = null;
    clearTimeout(this.moving);
    this.moving = setTimeout(() => {
      this.moving = 0;
      this.repaintMarks();
      this.#ask({ base: true });
    }, REST_MS);
    this.#ask({ base: true, marks: true, live: true });
    this.onChange();
  }

  #resize() {
    const middle = this.stageWidth && {
      x: (this.stageWidth / 2 - this.x) / this.scale,
      y: (this.stageHeight / 2 - this.y) / this.scale,
    };
    this.stageWidth = Math.max(1, this.stage.clientWidth);
    this.stageHeight = Math.max(1, this.stage.clientHeight);
    this.ratio = window.devicePixelRatio || 1;
    for (const canvas of [this.base, this.top, this.live]) {
      canvas.width = Math.round(this.stageWidth * this.ratio);
      canvas.height = Math.round(this.stageHeight * this.ratio);
    }
    if (this.fitted || !middle) {
      this.fit();
    } else {
      this.x = this.stageWidth / 2 - middle.x * this.scale;
      this.y = this.stageHeight / 2 - middle.y * this.scale;
      this.#moved(false);
    }
  }

  /** Redraws sharply when the screen's resolution changes: another screen, or the browser's zoom. */
  #followRatio() {
    this.ratios = window.matchMedia(`(resolution: ${window.devicePixelRatio || 1}dppx)`);
    this.onRatio = () => {
      this.#resize();
      this.#paint();
      this.#followRatio();
    };
    this.ratios.addEventListener("change", this.onRatio, { once: true });
  }

  #ask(stale) {
    Object.assign(this.stale, stale);
    this.frame ||= requestAnimationFrame(() => this.#paint());
  }

  #paint() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    if (this.stale.base) this.#paintBase();
    if (this.stale.marks) this.#paintMarks();
    if (this.stale.live) {
      const context = this.#cleared(this.live);
      context.scale(this.ratio, this.ratio);
      this.paintLive(context);
    }
    this.stale = { base: false, marks: false, live: false };
    this.dirty = null;
  }

  #cleared(canvas) {
    const context = this.contexts.get(canvas);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    return context;
  }

  #toImage(context) {
    const k = this.ratio;
    context.setTransform(k * this.scale, 0, 0, k * this.scale, k * this.x, k * this.y);
    context.imageSmoothingEnabled = k * this.scale < SHARP_FROM;
    context.imageSmoothingQuality = "high";
  }

  #paintBase() {
    this.prepare?.();
    this.prepare = null;
    const k = this.ratio;
    const scale = k * this.scale;
    const isSmooth = this.isSmooth || scale < SHARP_FROM;
    const isDraft = this.moving > 0 && this.base.width * this.base.height > DRAFT_FROM;
    this.xray.paint(this.#cleared(this.base), { left: k * this.x, top: k * this.y, scale, isSmooth, isDraft });
    this.#paintOverview();
  }

  #paintMarks() {
    const context = this.dirty ? this.contexts.get(this.top) : this.#cleared(this.top);
    const unit = 1 / this.scale;
    let box = this.#seen();
    context.save();
    this.#toImage(context);
    if (this.dirty) {
      const margin = Math.ceil(4 * unit) + 1; // a border line reaches beyond the pixels that it separates
      const { left, top, right, bottom } = this.dirty;
      context.beginPath();
      context.rect(left - margin, top - margin, right - left + 2 * margin, bottom - top + 2 * margin);
      context.clip();
      context.clearRect(-margin, -margin, this.width + 2 * margin, this.height + 2 * margin);
      box = intersection(grown(this.dirty, 2 * margin, this.height, this.width), box);
    }
    if (this.showsMarks) this.marks.paint(context, box, unit, this.opacity, this.moving > 0);
    context.restore();
  }

  /** The image pixels in sight. */
  #seen() {
    return {
      left: Math.max(0, Math.floor(-this.x / this.scale) - 1),
      top: Math.max(0, Math.floor(-this.y / this.scale) - 1),
      right: Math.min(this.width, Math.ceil((this.stageWidth - this.x) / this.scale) + 1),
      bottom: Math.min(this.height, Math.ceil((this.stageHeight - this.y) / this.scale) + 1),
    };
  }

  /** The small map of which part is in sight, unless all of it is. */
  #paintOverview() {
    const seen = this.#seen();
    const whole = seen.left === 0 && seen.top === 0 && seen.right === this.width && seen.bottom === this.height;
    this.overview.hidden = whole;
    if (whole) return;
    const k = OVERVIEW / Math.max(this.width, this.height);
    this.overview.width = Math.round(this.width * k * this.ratio);
    this.overview.height = Math.round(this.height * k * this.ratio);
    this.overview.style.width = `${Math.round(this.width * k)}px`;
    this.overview.style.height = `${Math.round(this.height * k)}px`;
    const context = this.contexts.get(this.overview);
    this.xray.paint(context, { left: 0, top: 0, scale: k * this.ratio, isSmooth: true });
    context.setTransform(k * this.ratio, 0, 0, k * this.ratio, 0, 0);
    for (const [width, color] of [
      [4 / k, "#000"],
      [2 / k, "#fff"],
    ]) {
      context.lineWidth = width;
      context.strokeStyle = color;
      context.strokeRect(seen.left, seen.top, seen.right - seen.left, seen.bottom - seen.top);
    }
  }
}

function layer(stage, className) {
  const canvas = document.createElement("canvas");
  canvas.className = className;
  canvas.setAttribute("aria-hidden", "true");
  return stage.appendChild(canvas);
}
