/** What to mark and how: schematic drawings only, never a real image and never what a model looks at. */

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
 * The instructions, once before the first image and again from the menu.
 * @param {object} app
 * @param {{isFirst: boolean}} parameters isFirst: what follows is the practice.
 */
export function instructionsScreen(app, { isFirst = false } = {}) {
  const next = isFirst ? () => app.show(practiceScreen) : () => app.resume();
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

/** Before the practice images, or straight on where a study has none. */
export function practiceScreen(app) {
  const count = app.progress?.practice ?? 0;
  const kind = count === 0 ? "none" : count === 1 ? "one" : "many";
  return turning(
    app,
    "practice",
    t("practice.title"),
    t(`practice.${kind}`, { count }),
    t(count === 0 ? "study.start" : "practice.start"),
  );
}

/** Between the last practice image and the first that counts. */
export function studyScreen(app) {
  const { total, practice } = app.progress;
  return turning(app, "study", t("study.title"), t("study.text", { count: total - practice }), t("study.start"));
}

function turning(app, name, title, text, start) {
  return {
    name,
    title,
    content: [
      element(
        "div",
        { class: "page narrow" },
        element("h1", { text: title }),
        ...paragraphs(text, { class: "lead" }),
        element(
          "div",
          { class: "actions" },
          button(start, () => openNext(app), { id: "continue", class: "primary" }),
        ),
      ),
    ],
  };
}

async function openNext(app) {
  const { readingScreen } = await import("./reading.js"); // late, since reading shows these screens too
  app.show(readingScreen);
}
