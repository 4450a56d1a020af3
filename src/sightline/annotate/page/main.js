/** The page's start: who is here, what they have done, and which screen comes first. */

import { ApiError, openApi } from "./api.js";
import { openFlow, showProgress } from "./flow.js";
import { openFrame } from "./frame.js";
import { openScreens } from "./screens.js";
import { loadWords, setLanguage, t } from "./words.js";
import { openVault } from "./vault.js";

const INVITE = /^#invite=([^&]+)$/;

/** What every screen is given: the server, the device's vault, the session, and the ways to go elsewhere. */
const app = {
  api: openApi(),
  vault: null,
  session: null,
  progress: null,
  draft: {}, // what was typed so far, so that changing the language loses nothing
  go: null, // the ways to the other screens: see flow.js
  again: null,
  announce: null,
  warn: null,
  begin,
  resume,
  signedOut,
};

/** Opens the session of the invite in the address, or the one that this browser has, and goes on from there. */
async function begin() {
  const invite = takeInvite();
  try {
    const answer = invite ? app.api.post("/api/session", { token: invite }, { tries: 3 }) : app.api.get("/api/session");
    app.session = app.api.adopt(await answer);
    app.draft.invite = null;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.isTemporary && error.status !== 429) return app.go.unreachable();
    app.draft.invite = null;
    const reason = { invalid_token: "nowhere.invalid", too_many: "nowhere.many" }[error.code] ?? "nowhere.text";
    return app.go.nowhere({ reason });
  }
  if (app.session.language) await setLanguage(app.session.language);
  if (app.session.withdrawn) return app.go.withdrawn();
  return resume();
}

/** Goes on where the reader stopped. */
function resume() {
  return showProgress(app);
}

/** The session has ended elsewhere; what was drawn waits in the vault. */
function signedOut() {
  app.session = null;
  app.go.nowhere({ reason: "nowhere.ended" });
}

/** The token of the address, which leaves the address bar and the history at once. */
function takeInvite() {
  const invite = INVITE.exec(location.hash);
  if (!invite) return app.draft.invite ?? null;
  history.replaceState(null, "", location.pathname);
  app.draft.invite = decodeURIComponent(invite[1]); // until it is used: the server may be out of reach now
  return app.draft.invite;
}

function onFailure(failure) {
  console.error(failure);
  const message = failure instanceof ApiError ? failure.message : String(failure?.message ?? failure);
  app.warn?.(t("error.unexpected", { message }));
}

async function start() {
  window.addEventListener("unhandledrejection", (event) => onFailure(event.reason));
  window.addEventListener("error", (event) => onFailure(event.error ?? event.message));
  window.addEventListener("hashchange", () => INVITE.test(location.hash) && begin());
  await loadWords();
  app.vault = await openVault();
  const frame = openFrame(app);
  app.warn = frame.warn;
  const { show, again, announce } = openScreens(app, frame);
  Object.assign(app, { go: openFlow(show), again, announce });
  if (!app.vault.durable) app.warn(t("sync.memory"));
  await begin();
}

start();
