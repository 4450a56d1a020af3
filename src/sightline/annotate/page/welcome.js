/** Before the first image: the welcome and the consent. */

import { button, element, paragraphs } from "./elements.js";
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
  const sections = ["purpose", "task", "data", "rights"].map((name) =>
    element(
      "section",
      {},
      element("h2", { text: t(`consent.${name}.title`) }),
      ...paragraphs(t(`consent.${name}`, { contact: app.session.contact || t("consent.contact") })),
    ),
  );
  const problem = element("p", { class: "problem", id: "consent-problem", hidden: true });
  const box = element("input", {
    type: "checkbox",
    id: "consent",
    checked: app.draft.consent,
    "aria-describedby": "consent-problem",
  });
  box.addEventListener("change", () => {
    app.draft.consent = box.checked;
    problem.hidden = true;
    box.removeAttribute("aria-invalid");
  });
  const go = () => {
    if (box.checked) return app.go.enrolment();
    problem.hidden = false;
    problem.textContent = t("consent.missing");
    box.setAttribute("aria-invalid", "true");
    return box.focus();
  };
  return {
    name: "consent",
    title: t("consent.title"),
    content: [
      element(
        "div",
        { class: "page" },
        element("p", { class: "eyebrow", text: t("enrolment.step", { step: 1, steps: 2 }) }),
        element("h1", { text: t("consent.title") }),
        element(
          "div",
          { class: "sheet" },
          ...sections,
          element("p", { class: "note", text: t("consent.shown_version", { version: t("consent.version") }) }),
        ),
        element("div", { class: "tick" }, box, element("label", { for: "consent", text: t("consent.agree") })),
        problem,
        element(
          "div",
          { class: "actions" },
          button(t("button.back"), () => app.go.welcome(), { id: "back" }),
          button(t("button.continue"), go, { id: "continue", class: "primary" }),
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
