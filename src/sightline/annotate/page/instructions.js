/** What to mark and how: with schematic drawings only, never a real X-ray or a model's map. */

import { button, element, paragraphs } from "./elements.js";
import { t } from "./words.js";

const EXAMPLES = [
  ["close", true],
  ["two", true],
  ["lung", false],
  ["ring", false],
];
const HOW = ["draw", "mend", "look", "answer", "saved"];

/**
 * The instructions, shown once before the first image and again from the menu.
 * @param {object} app
 * @param {{isFirst: boolean}} parameters isFirst: practice follows.
 */
export function instructionsScreen(app, { isFirst = false } = {}) {
  const next = isFirst ? () => app.go.practice() : () => app.resume();
  const nextText = isFirst ? t("button.continue") : t("instructions.back_to_images");
  return {
    name: "instructions",
    title: t("instructions.title"),
    content: [
      element(
        "div",
        { class: "page wide" },
        element("h1", { text: t("instructions.title") }),
        ...paragraphs(t("instructions.text"), { class: "lead" }),
        element("h2", { text: t("instructions.examples") }),
        element("div", { class: "examples" }, ...EXAMPLES.map(([name, isRight]) => example(name, isRight))),
        element("p", { class: "note", text: t("instructions.schematic") }),
        element("h2", { text: t("instructions.nothing.title") }),
        ...paragraphs(t("instructions.nothing")),
        element("h2", { text: t("instructions.how") }),
        element("dl", { class: "how" }, ...HOW.map(how)),
        element("div", { class: "actions" }, button(nextText, next, { id: "continue", class: "primary" })),
      ),
    ],
  };
}

function example(name, isRight) {
  return element(
    "figure",
    { class: isRight ? "example right" : "example wrong" },
    element("img", { src: `/page/example-${name}.svg`, alt: t(`example.${name}.alt`), width: 300, height: 260 }),
    element(
      "figcaption",
      {},
      element("strong", { text: `${isRight ? "✓" : "✗"} ${t(`example.${name}.title`)}` }),
      element("span", { text: t(`example.${name}`) }),
    ),
  );
}

function how(name) {
  return element("div", {}, element("dt", { text: t(`how.${name}.title`) }), element("dd", { text: t(`how.${name}`) }));
}
