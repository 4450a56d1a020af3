/** The page's entry point: who is reading, what they have done so far, and which screen comes first. */

import { ApiError, openApi } from "./api.js";
import { dropFilms } from "./films.js";
import { openFlow, showProgress } from "./flow.js";
import { openFrame } from "./frame.js";
import { isStop, stopAt } from "./gate.js";
import { watchIdleness } from "./lock.js";
import { openScreens } from "./screens.js";
import { loadWords, setLanguage, t } from "./words.js";
import { openVault } from "./vault.js";

const INVITE = /^#invite=([^&]+)$/;
const REASONS = { invalid_token: "nowhere.invalid", link_ended: "nowhere.link_ended", too_many: "nowhere.many" };

/** What every screen receives: the server, the device's vault, the session, and the ways to the other screens. */
const app = {
  api: openApi("/api/session", (error) => stopAt(app, error)),
  vault: null,
  session: null,
  progress: null,
  draft: {}, // what has been typed so far, so that a change of language loses nothing
  go: null, // one function per screen: see flow.js
  show: null, // the screen of a maker, and
  shown: null, // the one that is shown: see screens.js
  again: null,
  announce: null,
  warn: null,
  begin,
  resume,
  signedOut,
};

/** Opens the session of the invite link, or the one that this browser already has, and continues from there. */
async function begin() {
  const invite = takeInvite();
  try {
    const answer = invite ? app.api.post("/api/session", { token: invite }, { tries: 3 }) : app.api.get("/api/session");
    app.session = app.api.adopt(await answer);
    app.draft.invite = null;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (isStop(error)) return;
    if (error.code === "disk_full") return app.go.unreachable({ why: "full" });
    if (error.isTemporary && error.status !== 429) return app.go.unreachable();
    app.draft.invite = null;
    return app.go.nowhere({ reason: REASONS[error.code] ?? "nowhere.text", contact: error.details.contact });
  }
  if (app.session.language) await setLanguage(app.session.language);
  return resume();
}

/** Continues where the reader stopped. */
function resume() {
  return showProgress(app);
}

/** The session has ended elsewhere; unsent strokes stay in the vault. */
function signedOut() {
  dropFilms();
  if (app.session?.withdrawn) return; // the gate has said so
  app.session = null;
  app.go.nowhere({ reason: "nowhere.ended" });
}

/** The invite's token, which is removed from the address bar and the history at once. */
function takeInvite() {
  const invite = INVITE.exec(location.hash);
  if (!invite) return app.draft.invite ?? null;
  history.replaceState(null, "", location.pathname);
  app.draft.invite = decodeURIComponent(invite[1]); // kept until it is used: the server may be unreachable now
  return app.draft.invite;
}

function onFailure(failure) {
  if (isStop(failure)) return;
  console.error(failure);
  const message = failure instanceof ApiError ? failure.message : String(failure?.message ?? failure);
  app.warn?.(t("error.unexpected", { message }));
}

async function start() {
  window.addEventListener("unhandledrejection", (event) => onFailure(event.reason));
  window.addEventListener("error", (event) => onFailure(event.error ?? event.message));
  window.addEventListener("hashchange", () => INVITE.test(location.hash) && begin());
  window.addEventListener("pageshow", (event) => event.persisted && location.reload()); // as it was before signing out
  await loadWords();
  app.vault = await openVault();
  const frame = openFrame(app);
  app.warn = frame.warn;
  const screens = openScreens(app, frame);
  Object.assign(app, screens, { go: openFlow(screens.show) });
  if (!app.vault.durable) app.warn(t("sync.memory"));
  watchIdleness(app);
  await begin();
}

start();
