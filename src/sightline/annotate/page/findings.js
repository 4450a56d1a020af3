// The list of findings in a study that names several: which of them the strokes mark, and what is answered about each.

import { element } from "./elements.js";
import { colorOf } from "./finding_marks.js";
import { t } from "./words.js";

/** One choice per finding. A finding with marks is answered as marked, one without as not seen, once rated. */
export class Findings {
  /**
   * @param {{findings: string[], given: {finding: string, confidence: number | null}[]}} task
   * @param {import("./desk.js").Desk} desk
   * @param {import("./answers.js").AnswerBar} bar whose question of confidence is about the chosen finding
   */
  constructor({ findings, given }, desk, bar) {
    Object.assign(this, { findings, desk, bar });
    this.levels = new Map(given.map(({ finding, confidence }) => [finding, confidence]));
    this.states = new Map(findings.map((finding) => [finding, element("span", { class: "finding-state" })]));
    this.radios = findings.map((finding, place) => this.#radio(finding, place));
    this.node = element(
      "fieldset",
      { class: "findings" },
      element("legend", { text: t("findings.title") }),
      ...findings.map((finding, place) => this.#row(finding, place)),
    );
    bar.onRate = (level) => this.#rate(level);
    this.choose(findings[0]);
  }

  /** Strokes and the question of confidence are now about this finding. */
  choose(finding) {
    this.chosen = finding;
    this.radios[this.findings.indexOf(finding)].checked = true;
    this.desk.chooseFinding(finding);
    this.bar.confidence = this.levels.get(finding) ?? null;
    this.refresh();
  }

  /** Shows what is marked and rated. */
  refresh() {
    for (const [finding, state] of this.states) {
      const level = this.levels.get(finding);
      const isMarked = this.desk.drawing.pixelsOf(finding) > 0;
      const key = level ? (isMarked ? "findings.marked" : "findings.none") : "findings.open";
      state.textContent = t(isMarked && !level ? "findings.marked_open" : key, { level });
      state.dataset.state = level ? "done" : "open";
    }
  }

  /** The first finding without a confidence, or undefined. */
  get missing() {
    return this.findings.find((finding) => !this.levels.get(finding));
  }

  /** What is chosen so far, for the same screen made again. */
  get kept() {
    return [...this.levels].map(([finding, confidence]) => ({ finding, confidence }));
  }

  /** The answers as the server takes them. */
  get answers() {
    const { drawing } = this.desk;
    return this.findings.map((finding) => {
      const isMarked = drawing.pixelsOf(finding) > 0;
      const mask = isMarked ? drawing.encoded(finding) : null;
      return { finding, answer: isMarked ? "region" : "none", confidence: this.levels.get(finding), mask };
    });
  }

  /** The reader says how sure the answer about the chosen finding is. */
  #rate(level) {
    this.levels.set(this.chosen, level);
    this.refresh();
  }

  #radio(finding, place) {
    const choose = () => {
      this.choose(finding);
      this.desk.focus();
    };
    const id = `finding-${place + 1}`;
    return element("input", { type: "radio", name: "finding", id, value: finding, on: { change: choose } });
  }

  #row(finding, place) {
    const swatch = element("span", { class: "finding-swatch", "aria-hidden": "true" });
    swatch.style.background = colorOf(place);
    const name = element("span", { class: "finding-name", text: finding });
    return element(
      "label",
      { class: "finding", for: `finding-${place + 1}` },
      ...[this.radios[place], swatch, name, this.states.get(finding)],
    );
  }
}
