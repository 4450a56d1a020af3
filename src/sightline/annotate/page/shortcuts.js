// The desk's keyboard shortcuts: one table, from which the handler, the button titles and the help card derive.

import { element } from "./elements.js";
import { isRating, isTyping } from "./keys.js";

/**
 * `keys` are values of KeyboardEvent.key in lower case; `ctrl` ones need Ctrl or Cmd, the others forbid both. `shown`
 * is what the help card prints. Comma and full stop stand in for brackets, which some keyboards make hard to reach.
 */
export const SHORTCUTS = Object.freeze([
  { action: "brush", keys: ["b"], shown: "B" },
  { action: "outline", keys: ["o"], shown: "O" },
  { action: "polygon", keys: ["p"], shown: "P" },
  { action: "eraser", keys: ["e"], shown: "E" },
  { action: "point", keys: ["d"], shown: "D" },
  { action: "box", keys: ["q"], shown: "Q" },
  { action: "ellipse", keys: ["l"], shown: "L" },
  { action: "remove", keys: ["x"], shown: "X" },
  { action: "smaller", keys: ["[", ","], shown: "[  ," },
  { action: "larger", keys: ["]", "."], shown: "]  ." },
  { action: "undo", keys: ["z"], ctrl: true, shift: false, shown: "Ctrl Z" },
  { action: "redo", keys: ["z"], ctrl: true, shift: true, shown: "Ctrl Shift Z" },
  { action: "redo", keys: ["y"], ctrl: true, shown: "Ctrl Y" },
  { action: "zoomIn", keys: ["+", "="], shown: "+" },
  { action: "zoomOut", keys: ["-", "_"], shown: "-" },
  { action: "fit", keys: ["0"], shift: false, shown: "0" },
  { action: "oneToOne", keys: ["1"], shift: false, shown: "1" },
  { action: "left", keys: ["arrowleft"], shown: "← ↑ ↓ →", label: "desk.pan" },
  { action: "up", keys: ["arrowup"] },
  { action: "down", keys: ["arrowdown"] },
  { action: "right", keys: ["arrowright"] },
  { action: "hand", keys: ["h"], shown: "H" },
  { action: "hold", keys: [" "], shown: "desk.space" },
  { action: "window", keys: ["w"], shown: "W" },
  { action: "window_own", keys: ["6"], shift: false, shown: "6" },
  { action: "window_lung", keys: ["7"], shift: false, shown: "7" },
  { action: "window_bone", keys: ["8"], shift: false, shown: "8" },
  { action: "window_whole", keys: ["9"], shift: false, shown: "9" },
  { action: "smooth", keys: ["s"], shown: "S" },
  { action: "invert", keys: ["i"], shown: "I" },
  { action: "reset", keys: ["r"], shown: "R" },
  { action: "marks", keys: ["m"], shown: "M" },
  { action: "close", keys: ["enter"], shown: "desk.enter", label: "desk.polygon.close" },
  { action: "back", keys: ["backspace"], shown: "desk.backspace", label: "desk.polygon.back" },
  { action: "cancel", keys: ["escape"], shown: "Esc", label: "desk.escape" },
  { action: "help", keys: ["?"], shown: "?" },
]);

/** What the answer bar does with the keyboard, for the help card; `shown` may name words. */
const ANSWER_KEYS = [
  { shown: "desk.help.confidence.how", label: "desk.help.confidence" },
  { shown: "desk.enter", label: "answer.region" },
  { shown: "N", label: "answer.none" },
  { shown: "C", label: "answer.cannot" },
];

const BUTTON_KEYS = [" ", "enter"]; // they press the button or choice that has the focus
const SLIDER_KEYS = ["arrowleft", "arrowright", "arrowup", "arrowdown"]; // they move a slider
const LEVEL_KEYS = ["1", "2", "3", "4", "5"]; // they answer the question of confidence while it has the focus

/**
 * The action of a key event, or null: fields, lists and sliders keep their own keys, and buttons theirs. The arrows move
 * the image whatever else has the focus, also the levels of confidence: a browser's own arrows would choose one.
 */
export function actionOf(event) {
  const key = event.key.toLowerCase();
  if (isTyping(event.target) || document.querySelector("dialog[open]")) return null;
  if (BUTTON_KEYS.includes(key) && event.target.closest?.("button, a, input, summary")) return null;
  if (SLIDER_KEYS.includes(key) && event.target.matches?.("input[type=range]")) return null;
  if (LEVEL_KEYS.includes(key) && isRating(event.target)) return null;
  // AltGr gives brackets on many keyboards; Windows reports it as Ctrl and Alt too.
  const isAltGr = event.getModifierState("AltGraph");
  const ctrl = (event.ctrlKey || event.metaKey) && !isAltGr;
  if (event.altKey && !isAltGr && key.length === 1) return null;
  const shortcut = SHORTCUTS.find(
    (one) => one.keys.includes(key) && Boolean(one.ctrl) === ctrl && (one.shift ?? event.shiftKey) === event.shiftKey,
  );
  return shortcut?.action ?? null;
}

/** The keys of an action as printed, such as "Ctrl Z"; "" if it has none. */
export function keysOf(action) {
  return SHORTCUTS.find((one) => one.action === action)?.shown ?? "";
}

/**
 * The help card: a closed dialog that lists all keys and what mouse, fingers and pen do.
 * @param {(key: string) => string} t
 * @returns {HTMLDialogElement}
 */
export function helpCard(t) {
  const keys = [...SHORTCUTS.filter((one) => one.shown), ...ANSWER_KEYS].map(({ action, shown, label }) => [
    (shown.startsWith("desk.") ? t(shown) : shown).split(/ {2}/),
    t(label ?? `desk.${action}`),
  ]);
  const gestures = ["draw", "wheel", "drag", "hand", "fingers", "pen", "alt", "double"].map((name) => [
    [t(`desk.help.${name}.how`)],
    t(`desk.help.${name}`),
  ]);
  const close = element("button", { type: "button", class: "desk-button desk-help-close", text: t("desk.help.close") });
  const title = element("h2", { id: "desk-help-title", text: t("desk.help.title") });
  const card = element(
    "dialog",
    { class: "desk-help", "aria-labelledby": "desk-help-title" },
    element("div", { class: "desk-help-head" }, title, close),
    element("h3", { text: t("desk.help.pointers") }),
    list(gestures, "desk-help-how"),
    element("h3", { text: t("desk.help.keys") }),
    list(keys, "desk-help-keys"),
    element("p", { class: "desk-help-note", text: t("desk.help.arrows") }),
  );
  close.addEventListener("click", () => card.close());
  card.addEventListener("click", (event) => event.target === card && card.close()); // on the backdrop
  return card;
}

function list(rows, className) {
  const items = rows.flatMap(([keys, text]) => [
    element("dt", {}, ...keys.map((key) => element(className === "desk-help-keys" ? "kbd" : "span", { text: key }))),
    element("dd", { text }),
  ]);
  return element("dl", { class: className }, ...items);
}
