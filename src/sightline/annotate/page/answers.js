/** The answer bar beside the desk: confidence, the three answers, previous and next image, and what is saved. */

import { Confidence } from "./confidence.js";
import { isOffline } from "./connection.js";
import { button, element } from "./elements.js";
import { isRating, isTyping } from "./keys.js";
import { t } from "./words.js";

const KEYS = { region: "Enter", none: "N", cannot: "C" }; // of each answer, in the order of the buttons

export class AnswerBar {
  #saved = null; // the state of the task's strokes, once known
  #isBusy = false;
  #focused = null; // what had the focus when the bar became busy

  /**
   * @param {object} options
   * @param {(answer: "region"|"none"|"cannot") => void} options.onAnswer
   * @param {(step: -1|1) => void} options.onStep to the previous or the next image.
   */
  constructor({ onAnswer, onStep }) {
    this.onAnswer = onAnswer;
    /** @type {((level: number) => void) | null} called when the reader has chosen a level of confidence */
    this.onRate = null;
    this.question = new Confidence(() => this.#rated());
    const names = Object.keys(KEYS);
    this.answers = Object.fromEntries(names.map((name) => [name, answerButton(name, () => onAnswer(name))]));
    this.back = button(t("reading.previous"), () => onStep(-1), { id: "previous", class: "step" });
    this.forth = button(t("reading.next"), () => onStep(1), { id: "next", class: "step" });
    this.title = element("h1", { id: "progress-text", class: "reading-title" });
    this.meter = element("progress", { class: "reading-progress", "aria-hidden": "true" });
    this.practice = element("span", { class: "chip", id: "practice", text: t("reading.practice"), hidden: true });
    this.saved = element("p", { id: "saved-state", class: "saved", role: "status", "aria-live": "polite" });
    /** The message to the reader; always in the page, so that screen readers announce its text. */
    this.notice = element("div", { class: "notice-place", id: "notice", role: "status" });
    /** Where the reader is, and the question about the image. */
    this.head = element(
      "div",
      { class: "reading-head" },
      element("div", { class: "reading-line" }, this.title, this.practice, this.saved),
      this.meter,
      element("p", { class: "question", id: "question", text: t("reading.question") }),
    );
    /** What a study asks besides: the list of findings, a comment; empty in others. */
    this.more = element("div", { class: "more", hidden: true });
    /** The buttons. */
    this.bar = element(
      "div",
      { class: "answer-bar", role: "group", "aria-label": t("reading.answers") },
      this.more,
      this.question.node,
      element("div", { class: "answers" }, ...Object.values(this.answers)),
      element("div", { class: "steps" }, this.back, this.forth),
    );
  }

  /** @returns {number|null} 1 to 5, null while none is chosen. */
  get confidence() {
    return this.question.level;
  }

  set confidence(level) {
    this.question.level = level;
  }

  /** Asks for the missing confidence and moves the focus there. */
  askConfidence() {
    this.say(t("reading.confidence_missing"), "problem");
    this.question.ask();
  }

  #rated() {
    this.settle();
    this.onRate?.(this.confidence);
  }

  /** Shows what the study asks besides. @param {Node[]} nodes @param {boolean} hasFindings */
  askMore(nodes, hasFindings) {
    this.more.replaceChildren(...nodes);
    this.more.hidden = !nodes.length;
    this.answers.none.hidden = hasFindings; // each finding says by itself that it is not seen
    if (!hasFindings) return;
    this.answers.region.firstChild.textContent = t("answer.findings");
    this.head.querySelector("#question").textContent = t("findings.question");
  }

  /** Shows a message beside the answers; "" removes it. @param {"info"|"problem"} kind */
  say(text, kind = "info") {
    this.notice.replaceChildren(...(text ? [element("p", { class: "notice", "data-kind": kind, text })] : []));
  }

  /** Removes the message once the reader continues. */
  settle() {
    if (this.notice.firstChild) this.say("");
  }

  /** Shows a task. @param {{task: object, progress: {done: number}, hasNext: boolean}} what */
  fill({ task, progress, hasNext }) {
    this.title.textContent = t("reading.title", { number: task.number, total: task.total });
    this.meter.max = task.total;
    this.meter.value = progress.done;
    this.practice.hidden = !task.practice;
    this.back.disabled = task.number <= 1;
    this.forth.disabled = !hasNext;
    for (const [name, node] of Object.entries(this.answers)) {
      node.classList.toggle("given", task.answer === name);
      node.disabled = task.final;
    }
    this.answers.region.firstChild.textContent = t(task.version > 0 ? "answer.region_again" : "answer.region");
  }

  /** @param {"saved"|"saving"|"offline"|"full"|"refused"} state of the task's strokes. */
  setSaved(state) {
    this.#saved = state;
    this.showSaved();
  }

  /** Shows what is saved and, before the next attempt to save meets it, that there is no connection. */
  showSaved() {
    if (!this.#saved) return;
    const isWaiting = isOffline() && this.#saved === "saving";
    const isIdle = isOffline() && this.#saved === "saved";
    this.saved.dataset.state = isWaiting || isIdle ? "offline" : this.#saved;
    this.saved.textContent = t(isIdle ? "saved.offline_idle" : `saved.${this.saved.dataset.state}`);
    this.saved.title = this.saved.textContent; // a phone shows only its beginning
  }

  /** While it is busy, nothing in the bar can be chosen or typed. The buttons keep the focus, other parts get it back. */
  setBusy(isBusy) {
    const buttons = [...Object.values(this.answers), this.back, this.forth];
    for (const node of buttons) node.setAttribute("aria-disabled", String(isBusy));
    this.bar.classList.toggle("busy", isBusy);
    this.#isBusy = isBusy;
    if (isBusy) this.#focused = this.bar.contains(document.activeElement) ? document.activeElement : null;
    for (const part of this.bar.children) if (!part.matches(".answers, .steps")) part.inert = isBusy;
    if (!isBusy && document.activeElement === document.body) this.#focused?.focus({ preventScroll: true });
  }

  /** The bar's keys. A listener of its own identity, for the caller to add and remove. */
  onKey = (event) => {
    if (event.defaultPrevented || event.repeat || event.ctrlKey || event.metaKey) return;
    if (document.querySelector("dialog[open]")) return;
    if (isTyping(event.target) || event.target.closest?.(".menu")) return;
    if (this.#act(event)) event.preventDefault();
  };

  /** @returns {boolean} whether the key means something here. */
  #act(event) {
    const level = levelOf(event);
    if (level && this.#isBusy) return true;
    if (level) {
      this.confidence = level;
      this.#rated();
      return true;
    }
    if (event.altKey || event.shiftKey) return false;
    const answer = Object.keys(KEYS).find((name) => KEYS[name].toLowerCase() === event.key.toLowerCase());
    if (!answer || this.answers[answer].hidden || (event.key === "Enter" && isPressable(event.target))) return false;
    this.onAnswer(answer);
    return true;
  }
}

function answerButton(name, onClick) {
  const properties = { type: "button", id: `answer-${name}`, "aria-keyshortcuts": KEYS[name], on: { click: onClick } };
  return element(
    "button",
    { class: name === "region" ? "answer primary" : "answer", ...properties },
    element("span", { text: t(`answer.${name}`) }),
    element("kbd", { text: KEYS[name], "aria-hidden": "true" }),
  );
}

/** The level of confidence that a key chooses: a digit with Shift or Alt, or alone while the question has the focus. */
function levelOf(event) {
  const isAlone = isRating(event.target) && !event.shiftKey && !event.altKey;
  const digit = isAlone ? /^([1-5])$/.exec(event.key) : /^Digit([1-5])$/.exec(event.code);
  return digit && (isAlone || event.shiftKey || event.altKey) ? Number(digit[1]) : null;
}

/** Whether Enter already activates the element. */
function isPressable(target) {
  return target instanceof HTMLElement && target.matches("button, a, summary, input:not([type=radio])");
}
