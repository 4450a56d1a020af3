/** Screens of a heading, a text and at most one button: before practice and study, at the end, without a session. */

import { onConnection } from "./connection.js";
import { button, element, paragraphs } from "./elements.js";
import { t } from "./words.js";

/** Before the practice images, or before the first image if the study has none. */
export function practiceScreen(app) {
  const count = app.progress?.practice ?? 0;
  const kind = count === 0 ? "none" : count === 1 ? "one" : "many";
  const start = t(count === 0 ? "study.start" : "practice.start");
  return notice("practice", t("practice.title"), t(`practice.${kind}`, { count }), [
    button(start, () => app.go.reading(), { id: "continue", class: "primary" }),
  ]);
}

/** Between the last practice image and the first that counts. */
export function studyScreen(app) {
  const { total, practice } = app.progress;
  return notice("study", t("study.title"), t("study.text", { count: total - practice }), [
    button(t("study.start"), () => app.go.reading(), { id: "continue", class: "primary" }),
  ]);
}

/** All images are read. */
export function doneScreen(app) {
  const { total, practice } = app.progress;
  const contact = app.session.contact || t("consent.contact");
  return notice("done", t("done.title"), t("done.text", { count: total - practice, contact }), [
    button(t("done.review"), () => app.go.images(), { id: "review" }),
  ]);
}

/** There is no session; only a personal link opens one. */
export function nowhereScreen(app, { reason = "nowhere.text", contact = "" } = {}) {
  return notice("nowhere", t("nowhere.title"), t(reason, { contact: contact || t("consent.contact") }));
}

/** The server is not responding, which it may do again by itself, or its disk is `full` and it can open no session. */
export function unreachableScreen(app, { why = "unreachable" } = {}) {
  const retry = () => (app.session ? app.resume() : app.begin());
  const stop = onConnection((isUp) => isUp && retry());
  const screen = notice("unreachable", t(`${why}.title`), t(`${why}.text`), [
    button(t("button.retry"), retry, { id: "retry", class: "primary" }),
  ]);
  return { ...screen, keep: () => ({ why }), close: stop };
}

/** The reader's data has been deleted. */
export function withdrawnScreen(app) {
  const contact = app.session?.contact || t("consent.contact");
  return notice("withdrawn", t("withdrawn.title"), t("withdrawn.text", { contact }));
}

function notice(name, title, text, actions = []) {
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
