/** Signing out on this device: the session ends, and the page is loaded again, so that no X-ray stays in its memory. */

import { ApiError } from "./api.js";
import { t } from "./words.js";

/**
 * Ends the session; the browser then drops the X-rays it has kept. Strokes that the server lacks stay in the vault.
 * @param {object} app
 * @returns {Promise<void>}
 */
export async function signOut(app) {
  try {
    await app.api.remove("/api/session");
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.isTemporary) return app.warn(t("sign_out.failed"));
    if (error.status !== 401) return app.warn(t(error.problem, { message: error.message }));
  }
  return location.replace("/");
}
