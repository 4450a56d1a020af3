/** The admin page: sign-in with the study's secret, then the study's progress, updated automatically. */

import { ApiError, openApi } from "./api.js";
import { button, element } from "./elements.js";
import { accessTable, deskBar, logTable } from "./admin_desk.js";
import { openAnswers } from "./admin_images.js";
import { brand, languagePicker } from "./header.js";
import { healthNotes, imageTable, paceChart, readerTable, totals } from "./overview.js";
import { loadWords, locale, setLanguage, t } from "./words.js";

const SECRET = /^#secret=([^&]+)$/;
const REFRESH_SECONDS = 30;

const api = openApi("/api/admin/session");
const main = document.getElementById("main");
const places = {}; // the parts of the overview, filled at each refresh
const sorting = {}; // each table's order survives a refresh
let latest = null; // {overview, at}
let timer = null;

function renewHeader(isOpen) {
  document.title = `${t("admin.title")} · Sightline`;
  document
    .getElementById("header")
    .replaceChildren(
      brand(),
      languagePicker((code) => changeLanguage(code, isOpen)),
      ...(isOpen ? [button(t("admin.sign_out"), signOut, { id: "sign-out" })] : []),
    );
}

async function changeLanguage(code, isOpen) {
  await setLanguage(code);
  if (isOpen) openOverview();
  else openSignIn();
  document.getElementById("language").focus();
}

function openSignIn(problemKey = null) {
  clearInterval(timer);
  renewHeader(false);
  const problem = element("p", {
    class: "problem",
    id: "secret-problem",
    role: "alert",
    hidden: !problemKey,
    text: problemKey ? t(problemKey) : "",
  });
  const secret = element("input", {
    id: "secret",
    type: "password",
    autocomplete: "current-password",
    "aria-describedby": "secret-hint secret-problem",
    "aria-invalid": problemKey ? "true" : null,
  });
  const form = element(
    "form",
    { class: "fields" },
    element(
      "div",
      { class: "field" },
      element("label", { for: "secret", text: t("admin.secret") }),
      element("p", { class: "hint", id: "secret-hint", text: t("admin.secret.hint") }),
      secret,
      problem,
    ),
    element(
      "div",
      { class: "actions" },
      element("button", { type: "submit", class: "primary", text: t("admin.open"), id: "open" }),
    ),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    signIn(secret.value.trim());
  });
  main.replaceChildren(element("div", { class: "page narrow" }, element("h1", { text: t("admin.enter.title") }), form));
  secret.focus();
}

async function signIn(secret) {
  try {
    api.adopt(await api.post("/api/admin/session", { secret }, { tries: 2 }));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const keys = { 401: "admin.invalid", 422: "admin.invalid", 429: "admin.many", 507: "error.disk_full" };
    return openSignIn(keys[error.status] ?? "error.offline");
  }
  return openOverview();
}

async function signOut() {
  await api.remove("/api/admin/session");
  latest = null;
  openSignIn();
}

function openOverview() {
  renewHeader(true);
  for (const name of ["facts", "health", "totals", "desk", "pace", "readers", "access", "images", "log"]) {
    places[name] = element("div", { class: `board-${name}` });
  }
  places.time = element("p", { class: "note", id: "as-of", role: "status" });
  main.replaceChildren(
    element(
      "div",
      { class: "board" },
      element(
        "div",
        { class: "board-head" },
        element("div", {}, element("h1", { text: t("admin.title") }), places.facts),
        element("div", { class: "board-time" }, places.time, button(t("admin.refresh"), refresh, { id: "refresh" })),
      ),
      places.health,
      places.totals,
      section("desk", t("admin.desk")),
      section("pace", t("admin.pace")),
      section("readers", t("admin.readers")),
      section("access", t("admin.access")),
      section("images", t("admin.images")),
      element("p", { class: "note", text: t("admin.images.note") }),
      element("p", { class: "note", text: t("admin.legend") }),
      section("log", t("admin.log")),
      element("p", { class: "note", text: t("admin.log.note") }),
    ),
  );
  places.desk.replaceChildren(deskBar(api, refresh)); // once: a refresh must not take a link away
  if (latest) fill();
  refresh();
  clearInterval(timer);
  timer = setInterval(() => document.visibilityState === "visible" && refresh(), 1000 * REFRESH_SECONDS);
}

function section(name, title) {
  return element("section", {}, element("h2", { text: title }), places[name]);
}

async function refresh() {
  try {
    const paths = ["overview", "access", "log"].map((name) => `/api/admin/${name}`);
    const [overview, access, log] = await Promise.all(paths.map((path) => api.get(path)));
    latest = { overview, access, log, at: new Date() };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 401) return openSignIn();
    places.time.textContent = latest ? t("admin.stale", { time: clock(latest.at) }) : t("error.offline");
    return undefined;
  }
  return fill();
}

function fill() {
  const { overview, access, log, at } = latest;
  const { images, readers_per_image: per, planned_readers: planned, begun_at: begun } = overview.study;
  const day = begun ? new Date(begun).toLocaleDateString(locale(), { dateStyle: "long" }) : "–";
  places.time.textContent = t("admin.as_of", { time: clock(at), seconds: REFRESH_SECONDS });
  places.facts.replaceChildren(element("p", { class: "note", text: t("admin.study", { images, per, planned, day }) }));
  places.health.replaceChildren(...healthNotes(overview.server));
  places.totals.replaceChildren(...totals(overview));
  places.pace.replaceChildren(paceChart(overview.pace));
  places.readers.replaceChildren(readerTable(overview.readers, sorting));
  places.access.replaceChildren(accessTable(access.readers, overview.readers, sorting, places.desk.firstChild.act));
  places.log.replaceChildren(logTable(log.lines, sorting));
  const open = (image) => openAnswers(api, overview.images, image);
  places.images.replaceChildren(imageTable(overview.images, sorting, open));
}

function clock(at) {
  return at.toLocaleTimeString(locale(), { timeStyle: "medium" });
}

async function start() {
  await loadWords();
  const link = SECRET.exec(location.hash);
  if (link) {
    history.replaceState(null, "", location.pathname); // removes the secret from the address bar and the history
    return signIn(decodeURIComponent(link[1]));
  }
  try {
    api.adopt(await api.get("/api/admin/session"));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return openSignIn(error.isTemporary ? "error.offline" : null);
  }
  return openOverview();
}

start();
