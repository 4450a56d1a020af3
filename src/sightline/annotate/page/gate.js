/** Refusals that stop a reader wherever they are: a locked session, a withdrawal elsewhere, a new consent text. */

import { forgetClocks } from "./activity.js";
import { ApiError } from "./api.js";
import { dropFilms } from "./films.js";
import { hideAndLock } from "./lock.js";

const SCREEN = { locked: "locked", withdrawn: "withdrawn", consent_needed: "reconsent" };

/**
 * @param {unknown} error
 * @returns {boolean} whether the gate has shown a screen for it, so that there is nothing more to say.
 */
export function isStop(error) {
  return error instanceof ApiError && error.code in SCREEN;
}

/**
 * Shows the screen of a refusal that stops the reader; other refusals are left to the caller.
 * @param {object} app
 * @param {ApiError} error
 */
export function stopAt(app, error) {
  if (!isStop(error) || document.documentElement.dataset.screen === SCREEN[error.code]) return;
  if (error.code === "locked") {
    const { reader, csrf, pin } = error.details;
    app.api.adopt({ reader, csrf });
    hideAndLock(app, { reader, pin });
  } else if (error.code === "withdrawn") {
    forgetReader(app, error.details.reader);
  } else {
    app.session = { ...app.session, consent_needed: true };
    app.go.reconsent();
  }
}

/** The reader has withdrawn on another device: nothing of theirs stays on this one. */
async function forgetReader(app, reader) {
  app.session = { ...app.session, reader, withdrawn: true };
  app.go.withdrawn();
  dropFilms();
  forgetClocks();
  await app.vault.forget(reader);
}
