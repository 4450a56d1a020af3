/** Questions that must be answered first, as native modal dialogs. */

import { forgetClocks } from "./activity.js";
import { ApiError } from "./api.js";
import { withdrawnScreen } from "./closing.js";
import { button, element, paragraphs } from "./elements.js";
import { t } from "./words.js";

/**
 * Asks and waits.
 * @param {object} options
 * @param {string} options.title
 * @param {string} options.text paragraphs parted by "\n".
 * @param {string} options.yes the button that goes on; it has the focus.
 * @param {string|null} options.no the button that does not; null: there is none.
 * @returns {Promise<boolean>} whether `yes` was pressed; Escape means no.
 */
export function ask({ title, text, yes, no = t("button.cancel") }) {
  return new Promise((resolve) => {
    const dialog = shell(title, paragraphs(text));
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
 * Withdrawal: deletes all of the reader's data, once the word for it is typed.
 * @param {object} app
 */
export function confirmWithdrawal(app) {
  const word = t("withdraw.word");
  const problem = element("p", { class: "problem", id: "withdraw-problem", role: "alert", hidden: true });
  const typed = element("input", {
    type: "text",
    id: "withdraw-word",
    autocomplete: "off",
    autocapitalize: "none",
    spellcheck: "false",
    "aria-describedby": "withdraw-problem",
  });
  const label = element("label", { for: "withdraw-word", text: t("withdraw.type", { word }) });
  const confirm = element("button", {
    type: "submit",
    text: t("withdraw.confirm"),
    id: "withdraw-confirm",
    class: "danger",
  });
  const form = element(
    "form",
    { novalidate: true },
    element("div", { class: "field" }, label, typed, problem),
    element(
      "div",
      { class: "actions" },
      button(t("button.cancel"), () => dialog.close(), { id: "dialog-no" }),
      confirm,
    ),
  );
  const dialog = shell(t("withdraw.title"), [...paragraphs(t("withdraw.text")), form]);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (typed.value.trim().toLowerCase() !== word.toLowerCase()) return refuse(t("withdraw.mismatch", { word }));
    try {
      await withdraw(app);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return refuse(t(error.isTemporary ? "error.offline" : "error.refused", { message: error.message }));
    }
    dialog.close();
    return app.show(withdrawnScreen);
  });
  function refuse(text) {
    problem.textContent = text;
    problem.hidden = false;
    typed.setAttribute("aria-invalid", "true");
    typed.focus();
  }
  dialog.addEventListener("close", () => dialog.remove());
  dialog.showModal();
  typed.focus();
}

async function withdraw(app) {
  const { reader } = app.session;
  await app.api.post("/api/withdrawal", { confirm: "withdraw" });
  app.session = { ...app.session, withdrawn: true };
  await app.vault.forget(reader);
  forgetClocks();
}

function shell(title, content) {
  const dialog = element(
    "dialog",
    { class: "ask", "aria-labelledby": "dialog-title" },
    element("h2", { id: "dialog-title", text: title }),
    ...content,
  );
  document.body.append(dialog);
  return dialog;
}
