/** Tables that can be sorted by any column; unknown values always come last. */

import { element } from "./elements.js";
import { language } from "./words.js";

/**
 * @param {object} options
 * @param {string} options.id of the table, under which its order is remembered.
 * @param {Object<string, {column: number, isDescending: boolean}>} options.sorting the orders remembered; updated.
 * @param {object[]} options.rows
 * @param {string} options.caption for screen readers.
 * @param {{name: string, value?: Function, cell?: Function, isNumber?: boolean, isHead?: boolean}[]} options.columns
 *   value(row) sorts, null if unknown; cell(row) is the text or node to show, the value if left out. A column without
 *   a value, such as one of buttons, cannot be sorted by.
 * @returns {HTMLElement} the table in a box that scrolls sideways.
 */
export function sortableTable({ id, sorting, rows, caption, columns }) {
  const body = element("tbody");
  const heads = columns.map((column, index) =>
    element(
      "th",
      { scope: "col", class: column.isNumber ? "number" : null },
      column.value
        ? element("button", { type: "button", text: column.name, on: { click: () => choose(index) } })
        : element("span", { class: "unsorted", text: column.name }),
    ),
  );
  const table = element(
    "table",
    { id },
    element("caption", { class: "unseen", text: caption }),
    element("thead", {}, element("tr", {}, ...heads)),
    body,
  );

  function choose(index) {
    const now = sorting[id];
    const isDescending = now?.column === index ? !now.isDescending : Boolean(columns[index].isNumber);
    sorting[id] = { column: index, isDescending };
    fill();
  }

  function fill() {
    const order = sorting[id];
    heads.forEach((head, index) => {
      if (order?.column !== index) head.removeAttribute("aria-sort");
      else head.setAttribute("aria-sort", order.isDescending ? "descending" : "ascending");
    });
    const sorted = order ? [...rows].sort(by(columns[order.column].value, order.isDescending)) : rows;
    body.replaceChildren(...sorted.map((row) => element("tr", {}, ...columns.map((column) => cellOf(column, row)))));
  }

  fill();
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, table);
}

function cellOf(column, row) {
  const shown = (column.cell ?? column.value)(row);
  const content = shown instanceof Node ? shown : String(shown ?? "–");
  if (column.isHead) return element("th", { scope: "row" }, content);
  return element("td", { class: column.isNumber ? "number" : null }, content);
}

function by(value, isDescending) {
  const sign = isDescending ? -1 : 1;
  return (rowA, rowB) => {
    const [a, b] = [value(rowA), value(rowB)];
    if (a === null || b === null) return (a === null) - (b === null);
    if (typeof a === "number") return sign * (a - b);
    return sign * String(a).localeCompare(String(b), language(), { numeric: true });
  };
}
