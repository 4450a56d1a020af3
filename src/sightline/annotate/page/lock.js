/** The lock of a shared workstation: when it falls, what it removes from the screen, and the screen that opens it. */

import { ApiError } from "./api.js";
import { onConnection } from "./connection.js";
import { button, element, paragraphs } from "./elements.js";
import { dropFilms } from "./films.js";
import { signOut } from "./sign_out.js";
import { t } from "./words.js";

const CHECK_MS = 1000;
const TELL_MS = 5000; // between two messages to other tabs that the reader is here
const SIGN_SHARE = 0.2; // of the time to the lock, after which the server hears of it too; the same number in sessions.py
const INPUTS = ["pointerdown", "pointermove", "keydown", "wheel"];

/**
 * Locks the page when the reader has given no sign for `session.lock_seconds`, in no tab of this browser.
 * @param {object} app
 */
export function watchIdleness(app) {
  const tabs = new BroadcastChannel("sightline");
  let lastSign = Date.now(); // not performance.now(), which may stand still while the computer sleeps
  let toldTabs = 0;
  let toldServer = Date.now();

  function check() {
    const seconds = app.session?.lock_seconds;
    if (!seconds || app.session.locked || app.session.withdrawn) return;
    const now = Date.now();
    if (now - lastSign >= seconds * 1000) lockHere(app);
    else if (lastSign > toldServer && now - toldServer >= SIGN_SHARE * seconds * 1000) {
      toldServer = now;
      tellServer(app);
    }
  }

  function onSign() {
    check(); // after a sleep, the first movement must not keep the page open
    lastSign = Date.now();
    if (lastSign - toldTabs < TELL_MS) return;
    toldTabs = lastSign;
    tabs.postMessage("here");
  }

  tabs.addEventListener("message", () => (lastSign = Date.now()));
  for (const kind of INPUTS) window.addEventListener(kind, onSign, { capture: true, passive: true });
  document.addEventListener("visibilitychange", check);
  setInterval(check, CHECK_MS);
}

/** Tells the server that the reader is here, though only looking: it locks sessions too. */
async function tellServer(app) {
  try {
    await app.api.get("/api/session", { tries: 1 });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error; // a refusal has its screen; without an answer, the next sign tells
  }
}

async function lockHere(app) {
  hideAndLock(app, app.session);
  try {
    await app.api.post("/api/session/lock");
  } catch (error) {
    if (!(error instanceof ApiError) || !error.isTemporary) throw error;
    const stop = onConnection((isUp) => {
      if (!isUp) return;
      stop();
      if (app.session?.locked) app.api.post("/api/session/lock");
    });
  }
}

/**
 * Removes the X-ray from the page and shows the lock. Unsent strokes are in the vault; they are sent once it is open.
 * @param {object} app
 * @param {{reader: string, pin: boolean}} session pin: whether a PIN opens it.
 */
export function hideAndLock(app, { reader, pin }) {
  const back = app.shown();
  const canvases = [...document.querySelectorAll("canvas")];
  app.session = { ...app.session, reader, pin, locked: true };
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  app.go.locked({ back });
  for (const canvas of canvases) canvas.width = canvas.height = 0; // frees the pixels, also of a canvas that is still held
  dropFilms();
}

/**
 * The locked page.
 * @param {object} app
 * @param {{back: object|null}} parameters back: the screen to return to, from `app.shown`.
 */
export function lockedScreen(app, { back = null } = {}) {
  const hasPin = app.session.pin;
  const leave = button(t("frame.sign_out"), () => signOut(app), { id: "locked-sign-out" });
  return {
    name: "locked",
    title: t("locked.title"),
    content: [
      element(
        "div",
        { class: "page narrow" },
        element("h1", { text: t("locked.title") }),
        ...paragraphs(t("locked.text"), { class: "lead" }),
        hasPin ? pinForm(app, back) : null,
        element("p", { text: t(hasPin ? "locked.link" : "locked.only_link") }),
        element("p", { class: "note", text: t("locked.other") }),
        element("div", { class: "actions" }, leave),
      ),
    ],
  };
}

function pinForm(app, back) {
  const problem = element("p", { class: "problem", id: "pin-problem", role: "alert", hidden: true });
  const pin = element("input", {
    id: "pin",
    type: "password",
    inputmode: "numeric",
    maxlength: 12,
    autocomplete: "off",
    "aria-describedby": "pin-problem",
  });
  const open = element("button", { type: "submit", class: "primary", id: "pin-open", text: t("locked.open") });
  const field = element("div", { class: "field" }, element("label", { for: "pin", text: t("locked.pin") }), pin, problem);
  const form = element("form", { class: "fields", novalidate: true }, field, element("div", { class: "actions" }, open));

  function refuse(key, values = {}) {
    problem.textContent = t(key, values);
    problem.hidden = false;
    pin.setAttribute("aria-invalid", "true");
    pin.value = "";
    pin.focus();
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!/^\d{4,12}$/.test(pin.value)) return refuse("locked.malformed");
    form.inert = true; // one attempt at a time; and a refusal empties the field
    try {
      app.session = app.api.adopt(await app.api.post("/api/session/unlock", { pin: pin.value }));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) return app.signedOut();
      if (error.code === "no_pin" || error.details.pin === false) return app.go.locked({ back: withoutPin(app, back) });
      form.inert = false;
      return refuse(error.code === "wrong_pin" ? "locked.wrong" : error.problem, { message: error.message });
    }
    return back ? app.show(back.maker, back.parameters) : app.resume();
  });
  return form;
}

/** Notes that no PIN opens the session any more. @returns {object|null} `back` */
function withoutPin(app, back) {
  app.session.pin = false;
  return back;
}
