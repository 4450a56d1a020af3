/** The answer bar beside the desk: confidence, the three answers, previous and next image, and what is saved. */

import { button, element } from "./elements.js";
import { isTyping } from "./keys.js";
import { t } from "./words.js";

const LEVELS = [1, 2, 3, 4, 5];

/**
 * @param {object} options
 * @param {(answer: "region"|"none"|"cannot") => void} options.onAnswer
 * @param {(step: -1|1) => void} options.onStep to the previous or the next image.
 * @returns {object} `head`, `bar` and `notice` for the caller to place; functions that fill and read them.
 */
export function answerBar({ onAnswer, onStep }) {
  const title = element("h1", { id: "progress-text", class: "reading-title" });
  const meter = element("progress", { class: "reading-progress", "aria-hidden": "true" });
  const practice = element("span", { class: "chip", id: "practice", text: t("reading.practice"), hidden: true });
  const saved = element("p", { id: "saved-state", class: "saved", role: "status", "aria-live": "polite" });
  const question = element("p", { class: "question", id: "question", text: t("reading.question") });
  // Always in the page, so that screen readers announce its text.
  const notice = element("div", { class: "notice-place", id: "notice", role: "status" });

  const confidence = confidenceGroup(settle);
  const answers = {
    region: answerButton("region", "Enter", onAnswer, "primary"),
    none: answerButton("none", "N", onAnswer),
    cannot: answerButton("cannot", "C", onAnswer),
  };
  const back = button(t("reading.previous"), () => onStep(-1), { id: "previous", class: "step" });
  const forth = button(t("reading.next"), () => onStep(1), { id: "next", class: "step" });

  const head = element(
    "div",
    { class: "reading-head" },
    element("div", { class: "reading-line" }, title, practice, saved),
    meter,
    question,
  );
  const bar = element(
    "div",
    { class: "answer-bar", role: "group", "aria-label": t("reading.answers") },
    confidence.node,
    element("div", { class: "answers" }, ...Object.values(answers)),
    element("div", { class: "steps" }, back, forth),
  );

  function onKey(event) {
    if (
      event.defaultPrevented ||
      event.repeat ||
      event.ctrlKey ||
      event.metaKey ||
      document.querySelector("dialog[open]")
    )
      return;
    if (isTyping(event.target) || event.target.closest?.(".menu")) return;
    const level = /^Digit([1-5])$/.exec(event.code);
    if (level && (event.shiftKey || event.altKey)) {
      confidence.set(Number(level[1]));
      settle();
    } else if (event.altKey || event.shiftKey) return;
    else if (event.key === "Enter" && !isPressable(event.target)) onAnswer("region");
    else if (event.key.toLowerCase() === "n") onAnswer("none");
    else if (event.key.toLowerCase() === "c") onAnswer("cannot");
    else return;
    event.preventDefault();
  }

  return {
    head,
    bar,
    notice,
    onKey,
    confidence: confidence.get,
    setConfidence: confidence.set,
    /** Asks for the missing confidence and moves the focus there. */
    askConfidence() {
      say(t("reading.confidence_missing"), "problem");
      confidence.focus();
    },
    say,
    settle,
    fill({ task, progress, hasNext }) {
      title.textContent = t("reading.title", { number: task.number, total: task.total });
      meter.max = task.total;
      meter.value = progress.done;
      practice.hidden = !task.practice;
      back.disabled = task.number <= 1;
      forth.disabled = !hasNext;
      for (const [name, node] of Object.entries(answers)) {
        node.classList.toggle("given", task.answer === name);
        node.disabled = task.final;
      }
      answers.region.firstChild.textContent = t(task.version > 0 ? "answer.region_again" : "answer.region");
    },
    setSaved(state) {
      saved.dataset.state = state;
      saved.textContent = t(`saved.${state}`);
    },
    setBusy(isBusy) {
      for (const node of [...Object.values(answers), back, forth]) node.setAttribute("aria-disabled", String(isBusy));
      bar.classList.toggle("busy", isBusy);
    },
  };

  /** Removes the message once the reader continues. */
  function settle() {
    if (notice.firstChild) say("");
  }

  function say(text, kind = "info") {
    notice.replaceChildren(...(text ? [element("p", { class: "notice", "data-kind": kind, text })] : []));
  }
}

function answerButton(name, key, onAnswer, kind = "") {
  return element(
    "button",
    {
      type: "button",
      id: `answer-${name}`,
      class: `answer ${kind}`,
      "aria-keyshortcuts": key,
      on: { click: () => onAnswer(name) },
    },
    element("span", { text: t(`answer.${name}`) }),
    element("kbd", { text: key, "aria-hidden": "true" }),
  );
}

function confidenceGroup(onChange) {
  const radios = LEVELS.map((level) =>
    element("input", {
      type: "radio",
      name: "confidence",
      id: `confidence-${level}`,
      value: level,
      "aria-label": t("confidence.level", {
        level,
        words: level === 1 ? t("confidence.low") : level === 5 ? t("confidence.high") : "",
      }).trim(),
      title: t("confidence.keys", { level }),
    }),
  );
  const node = element(
    "fieldset",
    { class: "confidence", on: { change: onChange } },
    element("legend", { text: t("confidence.question") }),
    element("span", { class: "end low", text: t("confidence.low"), "aria-hidden": "true" }),
    element(
      "div",
      { class: "levels" },
      ...radios.map((radio) =>
        element("label", { class: "level", for: radio.id }, radio, element("span", { text: radio.value })),
      ),
    ),
    element("span", { class: "end high", text: t("confidence.high"), "aria-hidden": "true" }),
  );
  return {
    node,
    get: () => Number(radios.find((radio) => radio.checked)?.value) || null,
    set: (level) => radios.forEach((radio) => (radio.checked = Number(radio.value) === level)),
    focus: () => radios[2].focus(),
  };
}

/** Whether Enter already activates the element. */
function isPressable(target) {
  return target instanceof HTMLElement && target.matches("button, a, summary, input:not([type=radio])");
}
