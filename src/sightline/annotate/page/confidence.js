/** The question how sure the reader is: five levels, none of them ever chosen for the reader. */

import { element } from "./elements.js";
import { t } from "./words.js";

const LEVELS = [1, 2, 3, 4, 5];

export class Confidence {
  /** @param {() => void} onChange called when the reader has chosen a level. */
  constructor(onChange) {
    this.radios = LEVELS.map(levelRadio);
    const chosen = () => {
      this.#settle();
      onChange();
    };
    this.node = element(
      "fieldset",
      { class: "confidence", tabindex: "-1", "aria-describedby": "notice", on: { change: chosen } },
      element("legend", { text: t("confidence.question") }),
      element("span", { class: "end low", text: t("confidence.low"), "aria-hidden": "true" }),
      element("div", { class: "levels" }, ...this.radios.map(levelLabel)),
      element("span", { class: "end high", text: t("confidence.high"), "aria-hidden": "true" }),
    );
  }

  /** @returns {number|null} 1 to 5, null while none is chosen. */
  get level() {
    return Number(this.radios.find((radio) => radio.checked)?.value) || null;
  }

  set level(level) {
    for (const radio of this.radios) radio.checked = Number(radio.value) === level;
    this.#settle();
  }

  /** Points at the question. The focus goes to the whole of it, where a digit answers it, and to no level. */
  ask() {
    this.node.classList.add("asked");
    this.node.scrollIntoView({ block: "nearest" });
    this.node.focus({ preventScroll: true });
  }

  #settle() {
    this.node.classList.remove("asked");
  }
}

function levelRadio(level) {
  const words = { 1: t("confidence.low"), 5: t("confidence.high") }[level] ?? "";
  return element("input", {
    type: "radio",
    name: "confidence",
    id: `confidence-${level}`,
    value: level,
    "aria-label": t("confidence.level", { level, words }).trim(),
    title: t("confidence.keys", { level }),
  });
}

function levelLabel(radio) {
  return element("label", { class: "level", for: radio.id }, radio, element("span", { text: radio.value }));
}
