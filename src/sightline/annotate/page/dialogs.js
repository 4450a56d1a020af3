/** Native modal dialogs, and questions that must be answered before anything else. */

import { button, element, paragraphs } from "./elements.js";
import { t } from "./words.js";

/**
 * Asks a question and waits for the answer.
 * @param {object} options
 * @param {string} options.title
 * @param {string} options.text paragraphs separated by "\n".
 * @param {string} options.yes label of the button that accepts; it has the focus.
 * @param {string|null} options.no label of the button that declines; null leaves it out.
 * @returns {Promise<boolean>} whether `yes` was pressed; Escape means no.
 */
export function ask({ title, text, yes, no = t("button.cancel") }) {
  return new Promise((resolve) => {
    const dialog = makeDialog(title, paragraphs(text));
    const finish = (answer) => {
      dialog.returnValue = answer ? "yes" : "no";
      dialog.close();
    };
    const refuse = no === null ? null : button(no, () => finish(false), { id: "dialog-no" });
    const accept = button(yes, () => finish(true), { id: "dialog-yes", class: "primary", autofocus: true });
    dialog.append(element("div", { class: "actions" }, refuse, accept));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    dialog.showModal();
  });
}

/**
 * Adds a modal dialog to the page, not yet open.
 * @param {string} title
 * @param {Node[]} content below the title.
 * @returns {HTMLDialogElement}
 */
export function makeDialog(title, content) {
  const dialog = element(
    "dialog",
    { class: "ask", "aria-labelledby": "dialog-title" },
    element("h2", { id: "dialog-title", text: title }),
    ...content,
  );
  document.body.append(dialog);
  return dialog;
}
