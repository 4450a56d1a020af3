/** The coordinator's desk: invitations, new links, revocation, export, backup, and the log. */

import { ApiError } from "./api.js";
import { button, element } from "./elements.js";
import { sortableTable } from "./tables.js";
import { moment, t } from "./words.js";

/**
 * The bar with which the coordinator invites, exports and backs up.
 * @param {object} api of openApi.
 * @param {() => Promise} refresh called after each action.
 * @returns {HTMLElement} its property `act(path, reader)` posts for one reader, after a question where something ends.
 */
export function deskBar(api, refresh) {
  const name = element("input", { id: "invite-name", type: "text", maxlength: "200", autocomplete: "off" });
  const outcome = element("div", { id: "desk-outcome", role: "status" });
  const link = element("div", { id: "desk-link", role: "status" }); // of its own: an export that ends takes none away

  async function attempt(work, place = outcome) {
    try {
      place.replaceChildren(...(await work()));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const text = t(error.problem, { message: error.message });
      outcome.replaceChildren(element("p", { class: "problem", role: "alert", text }));
    }
    refresh();
  }

  const invite = () =>
    attempt(async () => {
      const asked = name.value;
      name.value = ""; // before the answer: the next name may be typed by then
      try {
        return linkOf(await api.post("/api/admin/readers", { name: asked.trim() || null }));
      } catch (error) {
        name.value ||= asked;
        throw error;
      }
    }, link);
  const download = (what) =>
    attempt(async () => {
      save(await api.download(`/api/admin/${what}`));
      return [element("p", { class: "note", text: t(`admin.done.${what}`) })];
    });

  const beginRound = () => {
    if (!window.confirm(t("admin.round.sure"))) return;
    attempt(async () => {
      const begun = await api.post("/api/admin/round");
      return [element("p", { class: "note", text: t("admin.done.round", begun) })];
    });
  };

  const form = element(
    "form",
    { class: "desk-invite" },
    element("label", { for: "invite-name", text: t("admin.invite.name") }),
    name,
    element("button", { type: "submit", class: "primary", id: "invite", text: t("admin.invite") }),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    invite();
  });
  const bar = element(
    "div",
    { class: "desk-bar" },
    form,
    element(
      "div",
      { class: "desk-files" },
      button(t("admin.export"), () => download("export"), { id: "export" }),
      button(t("admin.backup"), () => download("backup"), { id: "backup" }),
      button(t("admin.round"), beginRound, { id: "round" }),
    ),
    element("p", { class: "note", text: t("admin.backup.note") }),
    link,
    outcome,
  );
  bar.act = (action, reader) => {
    if (action.question && !window.confirm(t(action.question, { reader }))) return;
    const isLink = action.path === "link";
    const work = async () => {
      const answer = await api.post(`/api/admin/readers/${encodeURIComponent(reader)}/${action.path}`);
      if (isLink) return linkOf(answer);
      return [element("p", { class: "note", text: t(action.done, { reader, sessions: answer.sessions }) })];
    };
    attempt(work, isLink ? link : outcome);
  };
  return bar;
}

const ACTIONS = [
  { path: "link", name: "admin.renew", question: "admin.renew.sure" },
  { path: "revoke", name: "admin.revoke", question: "admin.revoke.sure", done: "admin.done.revoke" },
  { path: "sign-out", name: "admin.sign_out_reader", done: "admin.done.sign_out" },
];

function linkOf({ reader, token }) {
  const field = element("input", { id: "new-link", type: "text", readonly: true, "aria-label": t("admin.link", { reader }) });
  field.value = `${location.origin}/#invite=${token}`;
  field.addEventListener("focus", () => field.select());
  return [element("p", { text: t("admin.link", { reader }) }), field];
}

function save({ bytes, name }) {
  const address = URL.createObjectURL(bytes);
  const link = element("a", { href: address, download: name, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60000); // the browser reads it after the click
}

/**
 * @param {object[]} access readers of GET /api/admin/access.
 * @param {object[]} progress readers of the overview.
 * @param {object} sorting the orders of tables.
 * @param {(action: object, reader: string) => void} act of deskBar.
 * @returns {HTMLElement} who can come in, who was last seen when and has how many readings left.
 */
export function accessTable(access, progress, sorting, act) {
  const of = Object.fromEntries(progress.map((row) => [row.reader, row]));
  const rows = access.filter((row) => !row.withdrawn).map((row) => ({ ...row, ...of[row.reader] }));
  return sortableTable({
    id: "access",
    sorting,
    rows,
    caption: t("admin.access"),
    columns: [
      { name: t("admin.reader"), value: (row) => row.reader, isHead: true },
      { name: t("admin.last_seen"), value: (row) => row.last_seen ?? null, cell: (row) => moment(row.last_seen) },
      { name: t("admin.left"), value: (row) => left(row), isNumber: true },
      {
        name: t("admin.access.link"),
        value: (row) => (row.link_open ? row.link_ends_at : null),
        cell: (row) => (row.link_open ? moment(row.link_ends_at) : t("admin.access.ended")),
      },
      { name: t("admin.access.sessions"), value: (row) => row.sessions.length, isNumber: true },
      {
        name: t("admin.access.do"),
        cell: (row) =>
          element(
            "div",
            { class: "desk-actions" },
            ...ACTIONS.map((action) => button(t(action.name), () => act(action, row.reader))),
          ),
      },
    ],
  });
}

function left(row) {
  return row.total === undefined ? null : row.total - row.done;
}

/**
 * @param {object[]} lines of GET /api/admin/log, newest first.
 * @param {object} sorting the orders of tables.
 * @returns {HTMLElement}
 */
export function logTable(lines, sorting) {
  return sortableTable({
    id: "log",
    sorting,
    rows: lines,
    caption: t("admin.log"),
    columns: [
      { name: t("admin.log.number"), value: (line) => line.number, isNumber: true },
      { name: t("admin.log.at"), value: (line) => line.at, cell: (line) => moment(line.at, "medium") },
      { name: t("admin.log.who"), value: (line) => line.who },
      { name: t("admin.log.what"), value: (line) => t(`admin.log.${line.what}`) },
      { name: t("admin.log.detail"), value: (line) => line.detail },
    ],
  });
}
