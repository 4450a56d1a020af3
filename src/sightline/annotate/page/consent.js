/** The consent: its text, its box to tick, and the screen that puts a new text to a reader who has enrolled. */

import { ApiError } from "./api.js";
import { button, element, paragraphs } from "./elements.js";
import { confirmWithdrawal } from "./withdrawal.js";
import { language, t } from "./words.js";

/**
 * @param {object} app
 * @returns {HTMLElement} the whole text with its version.
 */
export function consentSheet(app) {
  const sections = ["purpose", "task", "data", "rights"].map((name) =>
    element(
      "section",
      {},
      element("h2", { text: t(`consent.${name}.title`) }),
      ...paragraphs(t(`consent.${name}`, { contact: app.session.contact || t("consent.contact") })),
    ),
  );
  const version = element("p", { class: "note", text: t("consent.shown_version", { version: t("consent.version") }) });
  return element("div", { class: "sheet" }, ...sections, version);
}

/**
 * The box that must be ticked to go on.
 * @param {string} agree key of its label.
 * @param {string} missing key of the words where it is not ticked.
 * @returns {{node: HTMLElement, problem: HTMLElement, box: HTMLInputElement, isTicked: () => boolean}} `isTicked`
 *   says so beside the box where it is not.
 */
export function consentBox(agree, missing) {
  const problem = element("p", { class: "problem", id: "consent-problem", hidden: true });
  const box = element("input", { type: "checkbox", id: "consent", "aria-describedby": "consent-problem" });
  const node = element("div", { class: "tick" }, box, element("label", { for: "consent", text: t(agree) }));
  box.addEventListener("change", () => {
    problem.hidden = true;
    box.removeAttribute("aria-invalid");
  });
  function isTicked() {
    if (box.checked) return true;
    problem.hidden = false;
    problem.textContent = t(missing);
    box.setAttribute("aria-invalid", "true");
    box.focus();
    return false;
  }
  return { node, problem, box, isTicked };
}

/** The text has changed since the reader accepted it: no image is shown until they accept the new one. */
export function reconsentScreen(app) {
  const { node, problem, isTicked } = consentBox("reconsent.agree", "reconsent.missing");
  const accept = async () => {
    if (accepting.getAttribute("aria-disabled") === "true" || !isTicked()) return;
    accepting.setAttribute("aria-disabled", "true"); // not disabled: the button keeps the focus
    try {
      await acceptConsent(app);
    } catch (error) {
      accepting.setAttribute("aria-disabled", "false");
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) return app.signedOut();
      problem.hidden = false;
      problem.textContent = t(error.problem, { message: error.message });
      return;
    }
    return app.resume();
  };
  const accepting = button(t("reconsent.accept"), accept, { id: "accept", class: "primary" });
  return {
    name: "reconsent",
    title: t("reconsent.title"),
    content: [
      element(
        "div",
        { class: "page" },
        element("h1", { text: t("reconsent.title") }),
        ...paragraphs(t("reconsent.text"), { class: "lead" }),
        consentSheet(app),
        node,
        problem,
        element(
          "div",
          { class: "actions" },
          accepting,
          button(t("menu.withdraw"), () => confirmWithdrawal(app), { id: "decline" }),
        ),
      ),
    ],
  };
}

async function acceptConsent(app) {
  const accepted = { language: language(), consent_version: t("consent.version"), consent: true };
  app.session = app.api.adopt(await app.api.post("/api/consent", accepted));
}
