/** The list of the reader's images, from which a finished one can be opened again. */

import { button, element } from "./elements.js";
import { t } from "./words.js";

/** The reader's images by number: finished ones can be corrected, and the next one opened. */
export function imagesScreen(app) {
  const { tasks, done, total } = app.progress;
  const next = tasks.find((task) => !task.done);
  const items = tasks.map((task) => {
    const state = task.done ? "done" : task === next ? "next" : "later";
    const more = [task.practice && t("images.practice"), task.set_aside > 0 && t("images.set_aside")].filter(Boolean);
    const words = [t(`images.${state}`), ...more].join(", ");
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
          on: { click: () => app.go.reading({ id: task.task }) },
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
