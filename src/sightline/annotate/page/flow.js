/** The flow: every screen by name, and the one on which a reader continues. The only module that knows all screens. */

import { ApiError } from "./api.js";
import { reconsentScreen } from "./consent.js";
import { enrolmentScreen } from "./enrolment.js";
import { isStop } from "./gate.js";
import { imagesScreen } from "./images.js";
import { instructionsScreen } from "./instructions.js";
import { lockedScreen } from "./lock.js";
import {
  doneScreen,
  nowhereScreen,
  practiceScreen,
  studyScreen,
  unreachableScreen,
  withdrawnScreen,
} from "./notices.js";
import { readingScreen } from "./reading.js";
import { consentScreen, welcomeScreen } from "./welcome.js";

const SCREENS = {
  welcome: welcomeScreen,
  consent: consentScreen,
  enrolment: enrolmentScreen,
  instructions: instructionsScreen,
  practice: practiceScreen,
  study: studyScreen,
  reading: readingScreen,
  images: imagesScreen,
  done: doneScreen,
  nowhere: nowhereScreen,
  unreachable: unreachableScreen,
  locked: lockedScreen,
  reconsent: reconsentScreen,
  withdrawn: withdrawnScreen,
};

/**
 * The ways from one screen to the next, handed to every screen as `app.go`, so that no screen imports another.
 * @param {(maker: Function, parameters?: object) => void} show shows the screen that a maker returns.
 * @returns {Object<string, (parameters?: object) => void>} one function per screen, taking its parameters.
 */
export function openFlow(show) {
  const ways = Object.entries(SCREENS).map(([name, maker]) => [name, (parameters) => show(maker, parameters)]);
  return Object.fromEntries(ways);
}

/**
 * Shows the screen that fits the reader's progress: the introduction, the next image, or the thanks.
 * @param {object} app with an open session.
 * @returns {Promise<void>}
 */
export async function showProgress(app) {
  if (!app.session.enrolled) return app.go.welcome();
  if (app.session.consent_needed) return app.go.reconsent();
  let next;
  try {
    [app.progress, next] = await Promise.all([app.api.get("/api/progress"), app.api.get("/api/tasks/next")]);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (isStop(error)) return;
    return error.status === 401 ? app.signedOut() : app.go.unreachable();
  }
  if (next.task === null) return app.go.done();
  if (app.progress.done === 0 && next.events.length === 0) return app.go.instructions({ isFirst: true });
  return app.go.reading({ id: next.task });
}
