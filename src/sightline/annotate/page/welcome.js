/** Before the first image: the welcome and the consent. */

import { consentBox, consentSheet } from "./consent.js";
import { button, element, paragraphs } from "./elements.js";
import { confirmWithdrawal } from "./withdrawal.js";
import { t } from "./words.js";

/** Welcome: the study's question and what to expect. */
export function welcomeScreen(app) {
  const facts = ["time", "stop", "pseudonym"].map((name) =>
    element(
      "li",
      {},
      element("h2", { text: t(`welcome.${name}.title`) }),
      element("p", { text: t(`welcome.${name}`) }),
    ),
  );
  return {
    name: "welcome",
    title: t("welcome.title"),
    content: [
      element(
        "div",
        { class: "page" },
        element("p", { class: "eyebrow", text: t("welcome.eyebrow") }),
        element("h1", { text: t("welcome.title") }),
        ...paragraphs(t("welcome.text"), { class: "lead" }),
        element("ul", { class: "facts" }, ...facts),
        element(
          "div",
          { class: "actions" },
          button(t("welcome.start"), () => app.go.consent(), { id: "start", class: "primary" }),
        ),
        contact(app),
      ),
    ],
  };
}

/** Consent: the text, its version and a box to tick. */
export function consentScreen(app) {
  const { node, problem, box, isTicked } = consentBox("consent.agree", "consent.missing");
  box.checked = Boolean(app.draft.consent);
  box.addEventListener("change", () => (app.draft.consent = box.checked));
  return {
    name: "consent",
    title: t("consent.title"),
    content: [
      element(
        "div",
        { class: "page" },
        element("p", { class: "eyebrow", text: t("enrolment.step", { step: 1, steps: 2 }) }),
        element("h1", { text: t("consent.title") }),
        consentSheet(app),
        node,
        problem,
        element(
          "div",
          { class: "actions" },
          button(t("button.continue"), () => isTicked() && app.go.enrolment(), { id: "continue", class: "primary" }),
          button(t("button.back"), () => app.go.welcome(), { id: "back" }),
          button(t("consent.decline"), () => confirmWithdrawal(app), { id: "decline" }),
        ),
      ),
    ],
  };
}

function contact(app) {
  return app.session.contact
    ? element("p", { class: "note", text: t("welcome.contact", { contact: app.session.contact }) })
    : null;
}
