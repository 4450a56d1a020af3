/** Where a reader goes on: the introduction, the next image, or the thanks. */

import { ApiError } from "./api.js";
import { doneScreen, unreachableScreen } from "./closing.js";
import { instructionsScreen } from "./instructions.js";
import { readingScreen } from "./reading.js";
import { welcomeScreen } from "./welcome.js";

/**
 * Shows the screen that fits the reader's progress.
 * @param {object} app with an open session.
 * @returns {Promise<void>}
 */
export async function arrivalScreen(app) {
  if (!app.session.enrolled) return app.show(welcomeScreen);
  let next;
  try {
    [app.progress, next] = await Promise.all([app.api.get("/api/progress"), app.api.get("/api/tasks/next")]);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 401) return app.signedOut();
    return app.show(unreachableScreen, {});
  }
  if (next.task === null) return app.show(doneScreen);
  if (app.progress.done === 0 && next.events.length === 0) return app.show(instructionsScreen, { isFirst: true });
  return app.show(readingScreen, { id: next.task });
}
