/** Withdrawal from the study: asks for confirmation, then deletes the reader's data on the server and this device. */

import { forgetClocks } from "./activity.js";
import { ApiError } from "./api.js";
import { makeDialog } from "./dialogs.js";
import { button, element, paragraphs } from "./elements.js";
import { dropFilms } from "./films.js";
import { t } from "./words.js";

/**
 * Deletes all of the reader's data once they have typed the word that confirms it.
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
  const dialog = makeDialog(t("withdraw.title"), [...paragraphs(t("withdraw.text")), form]);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (typed.value.trim().toLowerCase() !== word.toLowerCase()) return refuse(t("withdraw.mismatch", { word }));
    if (confirm.getAttribute("aria-disabled") === "true") return;
    confirm.setAttribute("aria-disabled", "true"); // while the server is slow, a second press would meet a session that has ended
    try {
      await withdraw(app);
    } catch (error) {
      confirm.setAttribute("aria-disabled", "false");
      if (!(error instanceof ApiError)) throw error;
      return refuse(t(error.problem, { message: error.message }));
    }
    dialog.close();
    return app.go.withdrawn();
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
  dropFilms();
  await app.vault.forget(reader);
  forgetClocks();
}
