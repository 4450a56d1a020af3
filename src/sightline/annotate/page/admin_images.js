/** Every reader's answers drawn over one image, read-only: one reader's outline, all outlines, or how many mark. */

import { ApiError } from "./api.js";
import { button, element } from "./elements.js";
import { borderOf, gridOf, sampledMask } from "./sampled_mask.js";
import { number, t } from "./words.js";

const ALL = "all";
const COUNT = "count";

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
    [this.rows, this.cols] = gridOf(height, width);
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
