/** The parts of the admin's overview: totals, pace, readers, images. Numbers are the server's; a dash is unknown. */

import { button, element } from "./elements.js";
import { sortableTable } from "./tables.js";
import { locale, moment, number, t } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const AGREEMENT = 7; // the column of agreement in the table of images

/**
 * @param {object} overview of GET /api/admin/overview.
 * @returns {HTMLElement[]} one tile per number.
 */
export function totals({ totals: sums, agreement }) {
  return [
    tile(
      number(sums.submitted),
      t("admin.total.submitted"),
      t("admin.total.of", { total: number(sums.tasks) }),
      sums.submitted / sums.tasks,
    ),
    tile(
      number(sums.enrolled),
      t("admin.total.enrolled"),
      [
        t("admin.total.invited", { count: sums.invited }),
        sums.withdrawn ? t("admin.total.withdrawn", { count: sums.withdrawn }) : null,
      ]
        .filter(Boolean)
        .join(", "),
    ),
    tile(
      number(sums.finished),
      t("admin.total.finished"),
      t("admin.total.of", { total: sums.enrolled }),
      sums.finished / sums.enrolled,
    ),
    tile(
      known(agreement.mean, 2),
      t("admin.total.agreement"),
      t("admin.total.pairs", { pairs: number(agreement.pairs) }),
    ),
    tile(number(sums.corrections), t("admin.total.corrections"), t("admin.total.cannot", { count: sums.cannot })),
  ];
}

/**
 * @param {{disk_full_at: string|null, free_bytes: number|null, backup: object|null}} server
 * @returns {HTMLElement[]} what is wrong with the server's disk or backups, then the last backup; [] if nothing is.
 */
export function healthNotes({ disk_full_at: fullAt, free_bytes: free, backup }) {
  const problem = (key, values) => element("p", { class: "problem", role: "alert", text: t(key, values) });
  const megabytes = free === null ? "–" : number(Math.floor(free / 1e6));
  return [
    fullAt ? problem("admin.disk_full", { time: moment(fullAt), free: megabytes }) : null,
    backup?.problem ? problem("admin.backup_failed", { time: moment(backup.problem_at), problem: backup.problem }) : null,
    backup?.at
      ? element("p", { class: "note", text: t("admin.backed_up", { time: moment(backup.at), file: backup.file }) })
      : null,
  ].filter(Boolean);
}

function tile(value, words, more, share = null) {
  const bar = share === null ? null : element("span", { class: "track", "aria-hidden": "true" }, fillOf(share));
  return element(
    "div",
    { class: "total" },
    element("p", { class: "total-value", text: value }),
    element("p", { class: "total-words", text: words }),
    element("p", { class: "total-more", text: more }),
    bar,
  );
}

/**
 * Readings per day, for every day from the first to the last; at most the last 60 days.
 * @param {{day: string, submitted: number}[]} pace
 * @returns {HTMLElement} a bar chart, with the numbers as a list for screen readers.
 */
export function paceChart(pace) {
  if (pace.length === 0) return element("p", { class: "note", text: t("admin.pace.none") });
  const days = everyDay(pace).slice(-60);
  const most = Math.max(...days.map((day) => day.submitted), 1);
  const [step, height] = [22, 96];
  const width = Math.max(days.length * step, 8 * step);
  const chart = svg("svg", {
    viewBox: `0 0 ${width} ${height + 24}`,
    width,
    height: height + 24,
    "aria-hidden": "true",
    class: "pace-chart",
  });
  days.forEach((day, index) => {
    const tall = (height - 16) * (day.submitted / most);
    const bar = svg("rect", {
      x: index * step + 3,
      y: height - tall,
      width: step - 6,
      height: Math.max(tall, 1),
      rx: 2,
    });
    const tip = svg("title", {});
    tip.textContent = `${dayText(day.day)}: ${day.submitted}`;
    bar.append(tip);
    chart.append(bar);
    if (day.submitted === most)
      chart.append(svgText(index * step + step / 2, height - tall - 4, number(day.submitted), "middle"));
  });
  chart.append(svgText(3, height + 18, dayText(days[0].day), "start"));
  if (days.length > 6) chart.append(svgText(days.length * step - 3, height + 18, dayText(days.at(-1).day), "end"));
  const list = element(
    "ul",
    { class: "unseen" },
    ...days.map((day) => element("li", { text: `${dayText(day.day)}: ${day.submitted}` })),
  );
  return element(
    "figure",
    { class: "pace-figure", tabindex: "0" },
    element("figcaption", { class: "note", text: t("admin.pace.text") }),
    chart,
    list,
  );
}

function everyDay(pace) {
  const counts = new Map(pace.map((day) => [day.day, day.submitted]));
  const sorted = [...counts.keys()].sort();
  const days = [];
  for (let at = Date.parse(sorted[0]); at <= Date.parse(sorted.at(-1)); at += 86400000) {
    const day = new Date(at).toISOString().slice(0, 10);
    days.push({ day, submitted: counts.get(day) ?? 0 });
  }
  return days;
}

/**
 * @param {object[]} readers
 * @param {object} sorting the orders that sortableTable remembers.
 * @returns {HTMLElement}
 */
export function readerTable(readers, sorting) {
  if (readers.length === 0) return element("p", { class: "note", text: t("admin.readers.none") });
  const measure = (key, name, digits, scale = 1) => ({
    name: t(name),
    value: (row) => row[key],
    cell: (row) => known(row[key] === null ? null : row[key] * scale, digits),
    isNumber: true,
  });
  return sortableTable({
    id: "readers",
    sorting,
    rows: readers,
    caption: t("admin.readers"),
    columns: [
      { name: t("admin.reader"), value: (row) => row.reader, isHead: true },
      {
        name: t("admin.profession"),
        value: (row) => (row.profession ? t(`profession.${row.profession}`) : t("admin.not_enrolled")),
      },
      measure("years", "admin.years", 0),
      {
        name: t("admin.done"),
        value: (row) => row.done / Math.max(row.total, 1),
        cell: (row) => bar(row.done, row.total),
      },
      {
        name: t("admin.outlier"),
        value: (row) => row.outlier.length,
        cell: (row) =>
          element(
            "span",
            { class: "flags" },
            ...row.outlier.map((code) => element("span", { class: "flag", text: t(`admin.outlier.${code}`) })),
          ),
      },
      { name: t("admin.last_seen"), value: (row) => row.last_seen, cell: (row) => moment(row.last_seen) },
      measure("median_seconds", "admin.median_seconds", 0),
      measure("none_share", "admin.none_share", 0, 100),
      measure("mean_area_percent", "admin.mean_area", 1),
      measure("agreement", "admin.agreement", 2),
      measure("self_agreement", "admin.self_agreement", 2),
      measure("controls_marked", "admin.controls_marked", 0, 100),
    ],
  });
}

/**
 * @param {object[]} images
 * @param {object} sorting the orders that sortableTable remembers; until one is chosen, most disagreement comes first.
 * @param {(image: string) => void} open shows the answers to an image.
 * @returns {HTMLElement}
 */
export function imageTable(images, sorting, open) {
  sorting.images ??= { column: AGREEMENT, isDescending: false };
  const count = (key) => ({ name: t(`admin.${key}`), value: (row) => row[key], isNumber: true });
  return sortableTable({
    id: "images",
    sorting,
    rows: images,
    caption: t("admin.images"),
    columns: [
      {
        name: t("admin.image"),
        value: (row) => row.image,
        cell: (row) =>
          button(row.image, () => open(row.image), { class: "link", title: t("admin.answers.open", { image: row.image }) }),
        isHead: true,
      },
      {
        name: t("admin.coverage"),
        value: (row) => row.submitted / Math.max(row.target, 1),
        cell: (row) => bar(row.submitted, row.target),
      },
      count("assigned"),
      count("region"),
      count("none"),
      count("cannot"),
      count("pairs"),
      {
        name: t("admin.agreement"),
        value: (row) => row.agreement,
        cell: (row) => known(row.agreement, 2),
        isNumber: true,
      },
    ],
  });
}

function bar(done, total) {
  const track = element("span", { class: "track", "aria-hidden": "true" }, fillOf(total ? done / total : 0));
  return element("span", { class: "bar" }, track, element("span", { class: "bar-words", text: `${done}/${total}` }));
}

function fillOf(share) {
  const filled = element("span", { class: share >= 1 ? "fill full" : "fill" });
  filled.style.width = `${100 * Math.min(Math.max(share || 0, 0), 1)}%`; // 0/0 readers: an empty bar
  return filled;
}

function known(value, digits) {
  return value === null || value === undefined ? "–" : number(value, digits);
}

function dayText(day) {
  return new Date(`${day}T12:00:00Z`).toLocaleDateString(locale(), { day: "numeric", month: "short" });
}

function svg(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function svgText(x, y, text, anchor) {
  const made = svg("text", { x, y, "text-anchor": anchor });
  made.textContent = text;
  return made;
}
