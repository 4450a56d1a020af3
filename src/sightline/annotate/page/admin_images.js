/** Every reader's answers drawn over one image, read-only: one reader's outline, all outlines, or how many mark. */

import { ApiError } from "./api.js";
import { button, element } from "./elements.js";
import { number, t } from "./words.js";

const LONGEST = 1024; // of the sides that marks are drawn with, in pixels: enough for a screen, quick for any film
const ALL = "all";
const COUNT = "count";

/**
 * The mask of COCO's run lengths, sampled at the middle of each cell of a smaller grid.
 * @param {number[]} counts run lengths by column, the first of unmarked pixels.
 * @param {number} height of the image. @param {number} width
 * @param {number} rows of the grid. @param {number} cols
 * @returns {Uint8Array} rows x cols, 1 where marked.
 */
export function sampledMask(counts, height, width, rows, cols) {
  const mask = new Uint8Array(rows * cols);
  let run = 0;
  let end = counts[0] ?? 0; // of the run, in pixels by column
  for (let col = 0; col < cols; col += 1) {
    const left = Math.floor(((col + 0.5) * width) / cols) * height;
    for (let row = 0; row < rows; row += 1) {
      const pixel = left + Math.floor(((row + 0.5) * height) / rows);
      while (pixel >= end && run + 1 < counts.length) end += counts[(run += 1)];
      mask[row * cols + col] = pixel < end ? run % 2 : 0;
    }
  }
  return mask;
}

/**
 * @param {Uint8Array} mask rows x cols. @param {number} rows @param {number} cols
 * @returns {number[]} the places of marked cells with an unmarked cell, or the image's edge, beside them.
 */
export function borderOf(mask, rows, cols) {
  const border = [];
  for (let row = 0; row < rows; row += 1) {
    for (let col = 0; col < cols; col += 1) {
      const at = row * cols + col;
      if (!mask[at]) continue;
      const inside = row > 0 && row < rows - 1 && col > 0 && col < cols - 1;
      if (!inside || !(mask[at - 1] && mask[at + 1] && mask[at - cols] && mask[at + cols])) border.push(at);
    }
  }
  return border;
}

/** A dialog with one image at a time. */
class ImageAnswers {
  /** @param {object} api of openApi @param {{image: string, agreement: number|null}[]} images in the order of the table */
  constructor(api, images) {
    Object.assign(this, { api, images, shown: ALL, latest: 0 });
    this.title = element("h2", { id: "answers-title" });
    this.facts = element("p", { class: "note", role: "status" });
    this.film = element("img", { alt: "", class: "answers-film" });
    this.marks = element("canvas", { class: "answers-marks", "aria-hidden": "true" });
    this.list = element("fieldset", { class: "answers-readers" });
    this.before = button(t("admin.answers.before"), () => this.move(-1), { id: "answers-before" });
    this.after = button(t("admin.answers.after"), () => this.move(1), { id: "answers-after" });
    const close = button(t("admin.answers.close"), () => this.dialog.close(), { id: "answers-close" });
    this.dialog = element(
      "dialog",
      { class: "answers", "aria-labelledby": "answers-title" },
      element("div", { class: "answers-head" }, this.title, this.before, this.after, close),
      this.facts,
      element(
        "div",
        { class: "answers-body" },
        element("div", { class: "answers-stage" }, this.film, this.marks),
        this.list,
      ),
    );
    this.dialog.addEventListener("close", () => this.dialog.remove());
  }

  open(image) {
    document.body.append(this.dialog);
    this.dialog.showModal();
    return this.load(this.images.findIndex((one) => one.image === image));
  }

  move(step) {
    return this.load(Math.min(this.images.length - 1, Math.max(0, this.place + step)));
  }

  async load(place) {
    const mine = (this.latest += 1);
    this.place = place;
    const { image, agreement } = this.images[place];
    const asked = `?image=${encodeURIComponent(image)}`;
    this.title.textContent = image;
    this.before.setAttribute("aria-disabled", String(place === 0));
    this.after.setAttribute("aria-disabled", String(place === this.images.length - 1));
    this.film.src = `/api/admin/film${asked}`;
    this.marks.width = this.marks.height = 0;
    this.list.replaceChildren();
    try {
      const sent = await this.api.get(`/api/admin/answers${asked}`);
      if (mine !== this.latest) return;
      this.fill(sent, agreement);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.facts.textContent = t(error.problem, { message: error.message });
    }
  }

  fill({ height, width, answers }, agreement) {
    const scale = Math.min(1, LONGEST / Math.max(height, width));
    [this.rows, this.cols] = [Math.round(height * scale), Math.round(width * scale)];
    this.answers = answers.map((answer, index) => ({
      ...answer,
      key: `${answer.reader} ${answer.repeat}`,
      color: `hsl(${(index * 137.5) % 360} 95% 62%)`,
      mask: answer.counts && sampledMask(answer.counts, height, width, this.rows, this.cols),
    }));
    const mean = agreement === null ? "–" : number(agreement, 2);
    this.facts.textContent = t("admin.answers.facts", { count: answers.length, agreement: mean });
    if (![ALL, COUNT].includes(this.shown) && !this.answers.some((one) => one.key === this.shown)) this.shown = ALL;
    this.list.replaceChildren(
      element("legend", { text: t("admin.answers.show") }),
      this.choice(ALL, t("admin.answers.all")),
      this.choice(COUNT, t("admin.answers.count")),
      ...this.answers.map((one) => this.choice(one.key, this.words(one), one.mask ? one.color : null)),
    );
    this.paint();
  }

  words({ reader, repeat, answer, confidence }) {
    const again = repeat ? `, ${t("admin.answers.repeat")}` : "";
    const sure = confidence === null ? "" : `, ${t("admin.answers.confidence", { confidence })}`;
    return `${reader}${again}: ${t(`admin.${answer}`)}${sure}`;
  }

  choice(key, words, color = null) {
    const input = element("input", { type: "radio", name: "answers-shown", value: key });
    input.checked = key === this.shown;
    input.addEventListener("change", () => {
      this.shown = key;
      this.paint();
    });
    const swatch = element("span", { class: "answers-swatch", "aria-hidden": "true" });
    if (color) swatch.style.background = color;
    return element("label", {}, input, color ? swatch : null, element("span", { text: words }));
  }

  paint() {
    const { rows, cols } = this;
    Object.assign(this.marks, { width: cols, height: rows });
    const context = this.marks.getContext("2d");
    if (this.shown === COUNT) return this.paintCount(context);
    for (const { key, mask, color } of this.answers) {
      if (!mask || ![ALL, key].includes(this.shown)) continue;
      const wide = Math.max(2, Math.round(Math.max(rows, cols) / 320));
      context.fillStyle = color;
      for (const at of borderOf(mask, rows, cols)) {
        context.fillRect((at % cols) - wide / 2, Math.floor(at / cols) - wide / 2, wide, wide);
      }
    }
  }

  /** Tints each cell by the share of first readings with a mask or "none" that mark it. */
  paintCount(context) {
    const { rows, cols } = this;
    const first = this.answers.filter((one) => one.repeat === 0 && one.answer !== "cannot");
    const tint = context.createImageData(cols, rows);
    for (let at = 0; at < rows * cols; at += 1) {
      const marking = first.reduce((sum, { mask }) => sum + (mask ? mask[at] : 0), 0);
      if (marking) tint.data.set([255, 176, 0, Math.round(40 + (180 * marking) / first.length)], 4 * at);
    }
    context.putImageData(tint, 0, 0);
  }
}

/**
 * Opens the answers of an image over the page.
 * @param {object} api of openApi
 * @param {{image: string, agreement: number|null}[]} images of the overview; those before and after follow in the
 *   order of disagreement, least agreement first, images without a pair last.
 * @param {string} image
 */
export function openAnswers(api, images, image) {
  const known = (one) => one.agreement ?? Infinity;
  const sorted = [...images].sort((a, b) => known(a) - known(b) || a.image.localeCompare(b.image));
  return new ImageAnswers(api, sorted).open(image);
}
