/** The page's header: the name, the language and the reader's menu. */

import { ApiError } from "./api.js";
import { isOffline, onConnection } from "./connection.js";
import { button, element } from "./elements.js";
import { brand, languagePicker } from "./header.js";
import { areSingleKeysOn, guardSingleKeys, setSingleKeys } from "./keys.js";
import { signOut } from "./sign_out.js";
import { confirmWithdrawal } from "./withdrawal.js";
import { setLanguage, t } from "./words.js";

/**
 * @param {object} app
 * @returns {{renew: Function, warn: (text: string) => void}} renew rebuilds the header for a screen; warn shows a
 *   message above it until it is dismissed, and an empty message removes it.
 */
export function openFrame(app) {
  const header = document.getElementById("header");
  const banner = document.getElementById("banner");
  // Always in the page, so that screen readers announce its text.
  const connection = element("p", { id: "connection", class: "connection", role: "status", "aria-live": "polite" });
  guardSingleKeys();
  onConnection(showConnection);

  function warn(text) {
    banner.hidden = !text;
    if (!text) return banner.replaceChildren();
    const dismiss = button("×", () => warn(""), { class: "plain", "aria-label": t("frame.dismiss") });
    return banner.replaceChildren(element("p", { text }), dismiss);
  }

  function showConnection() {
    connection.textContent = isOffline() ? t("frame.offline") : "";
    connection.title = isOffline() ? t("frame.offline.title") : "";
  }

  function renew() {
    document.getElementById("skip").textContent = t("frame.skip");
    const { reader, enrolled, locked, withdrawn } = app.session ?? {};
    const isHere = Boolean(reader) && !withdrawn;
    header.replaceChildren(
      brand(),
      connection,
      ...(isHere ? [whoIsHere(reader)] : []),
      languagePicker((code) => changeLanguage(app, code)),
      ...(isHere && !locked ? [button(t("frame.sign_out"), () => signOut(app), { id: "sign-out" })] : []),
      ...(isHere && enrolled && !locked ? [menu(app)] : []),
    );
    showConnection();
  }

  return { renew, warn };
}

function changeLanguage(app, code) {
  if (!setLanguage(code)) return;
  app.again();
  document.getElementById("language").focus();
  if (!app.session?.enrolled || app.session.locked) return;
  app.session.language = code;
  keepLanguage(app);
}

/** Tells the server which language the reader has chosen; without a connection, as soon as there is one. */
async function keepLanguage(app) {
  try {
    await app.api.put("/api/language", { language: app.session.language });
  } catch (error) {
    if (!(error instanceof ApiError) || !error.isTemporary) throw error;
    const stop = onConnection((isUp) => {
      if (!isUp) return;
      stop();
      if (app.session?.enrolled && !app.session.locked) keepLanguage(app);
    });
  }
}

function menu(app) {
  const choose = (action) => () => {
    close();
    action();
  };
  const keys = button("", () => {
    setSingleKeys(!areSingleKeysOn());
    keys.setAttribute("aria-pressed", String(areSingleKeysOn()));
  });
  keys.textContent = t("menu.keys");
  keys.setAttribute("aria-pressed", String(areSingleKeysOn()));
  keys.className = "switch";

  const list = element(
    "div",
    { class: "menu-list", id: "menu-list", hidden: true },
    element("p", { class: "menu-who", text: t("menu.reader", { reader: app.session.reader }) }),
    button(
      t("menu.continue"),
      choose(() => app.resume()),
      { id: "menu-continue" },
    ),
    button(
      t("menu.images"),
      choose(() => app.go.images()),
      { id: "menu-images" },
    ),
    button(
      t("menu.instructions"),
      choose(() => app.go.instructions()),
      { id: "menu-instructions" },
    ),
    keys,
    button(
      t("menu.sign_out"),
      choose(() => signOut(app)),
      { id: "menu-sign-out" },
    ),
    button(
      t("menu.withdraw"),
      choose(() => confirmWithdrawal(app)),
      { id: "menu-withdraw", class: "dangerous" },
    ),
  );
  const toggle = button(t("menu.open"), () => (list.hidden ? open() : close()), {
    id: "menu",
    "aria-expanded": "false",
    "aria-controls": "menu-list",
  });
  const nav = element("nav", { class: "menu", "aria-label": t("menu.open") }, toggle, list);

  function open() {
    list.hidden = false;
    toggle.setAttribute("aria-expanded", "true");
  }
  function close() {
    list.hidden = true;
    toggle.setAttribute("aria-expanded", "false");
  }
  nav.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || list.hidden) return;
    event.stopPropagation();
    close();
    toggle.focus();
  });
  nav.addEventListener("focusout", (event) => {
    if (!nav.contains(event.relatedTarget)) close();
  });
  return nav;
}

/** On every screen, so that on a shared workstation nobody reads as somebody else. */
function whoIsHere(reader) {
  return element("p", { class: "who", id: "who", title: t("frame.reader.title"), text: t("frame.reader", { reader }) });
}
