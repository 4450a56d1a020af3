/** Screens off the main road: the thanks, the list of one's images, and where there is nothing to read. */

import { button, element, paragraphs } from "./elements.js";
import { readingScreen } from "./reading.js";
import { t } from "./words.js";

/** All images are read. */
export function doneScreen(app) {
  const studied = app.progress.total - app.progress.practice;
  return plain(
    "done",
    t("done.title"),
    t("done.text", { count: studied, contact: app.session.contact || t("consent.contact") }),
    [button(t("done.review"), () => app.show(imagesScreen), { id: "review" })],
  );
}

/** No session: the personal link is the key. */
export function nowhereScreen(app, { reason = "nowhere.text" } = {}) {
  return plain("nowhere", t("nowhere.title"), t(reason));
}

/** The server does not answer. */
export function unreachableScreen(app) {
  return plain("unreachable", t("unreachable.title"), t("unreachable.text"), [
    button(t("button.retry"), () => (app.session ? app.resume() : app.begin()), { id: "retry", class: "primary" }),
  ]);
}

/** The reader's data is deleted. */
export function withdrawnScreen(app) {
  const contact = app.session?.contact || t("consent.contact");
  return plain("withdrawn", t("withdrawn.title"), t("withdrawn.text", { contact }));
}

/** The reader's images by number: those done can be corrected, the next one opened. */
export function imagesScreen(app) {
  const { tasks, done, total } = app.progress;
  const next = tasks.find((task) => !task.done);
  const items = tasks.map((task) => {
    const state = task.done ? "done" : task === next ? "next" : "later";
    const words = t(`images.${state}`) + (task.practice ? `, ${t("images.practice")}` : "");
    return element(
      "li",
      {},
      element(
        "button",
        {
          type: "button",
          class: `tile ${state}`,
          disabled: state === "later",
          "data-number": task.number,
          on: { click: () => app.show(readingScreen, { id: task.task }) },
        },
        element(
          "span",
          { class: "tile-number" },
          element("span", { class: "unseen", text: t("reading.name") }),
          ` ${task.number}`,
        ),
        element("span", { class: "tile-state", text: words }),
      ),
    );
  });
  return {
    name: "images",
    title: t("images.title"),
    content: [
      element(
        "div",
        { class: "page wide" },
        element("h1", { text: t("images.title") }),
        element("p", { class: "lead", text: t("images.text", { done, total }) }),
        element("ol", { class: "tiles" }, ...items),
        element(
          "div",
          { class: "actions" },
          button(t("menu.continue"), () => app.resume(), { id: "continue", class: "primary" }),
        ),
      ),
    ],
  };
}

function plain(name, title, text, actions = []) {
  return {
    name,
    title,
    content: [
      element(
        "div",
        { class: "page narrow" },
        element("h1", { text: title }),
        ...paragraphs(text, { class: "lead" }),
        element("div", { class: "actions" }, ...actions),
      ),
    ],
  };
}
