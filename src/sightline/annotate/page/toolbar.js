// The desk's buttons and sliders. They know nothing about the drawing: they report what was pressed and show the state
// that they are given.

import { element } from "./elements.js";
import { keysOf } from "./shortcuts.js";

const ICONS = {
  brush: "M4 20c3 0 5-1 5-3.5A2.5 2.5 0 0 0 6.5 14C4.5 14 5 17 3 18M9 14.5 18.5 4a1.8 1.8 0 0 1 2.5 2.5L10.5 16",
  outline: "M7 6c4-4 12-1 12 5 0 5-3 4-5 6s-6 3-9-1 0-8 2-10Z",
  polygon: "M5 8 13 4l7 6-3 9H7ZM5 8h.01M13 4h.01M20 10h.01M17 19h.01M7 19h.01",
  eraser: "m8 19-5-5L13 4l7 7-8 8Zm-.5-9.5 7 7M12 19h8",
  remove: "M5 12h14",
  undo: "M9 5 4 10l5 5M4 10h10a5.5 5.5 0 0 1 0 11h-3",
  redo: "m15 5 5 5-5 5M20 10H10a5.5 5.5 0 0 0 0 11h3",
  clear: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
  zoomIn: "M16 16l5 5M10.5 18a7.5 7.5 0 1 0 0-15 7.5 7.5 0 0 0 0 15ZM10.5 7.5v6M7.5 10.5h6",
  zoomOut: "M16 16l5 5M10.5 18a7.5 7.5 0 1 0 0-15 7.5 7.5 0 0 0 0 15ZM7.5 10.5h6",
  fit: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  oneToOne: "M6 8l2-2v12M16 8l2-2v12M12 10h.01M12 15h.01",
  window: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18ZM12 3v18M12 8h7M12 12h9M12 16h7",
  invert: "M4 4h16v16H4ZM4 20 20 4M8 8h4M15 14v4M13 16h4",
  reset: "M4 5v5h5M4.5 10a8 8 0 1 1-.5 4",
  marks: "M2 12s4-7 10-7 10 7 10 7-4 7-10 7S2 12 2 12ZM12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6Z",
  help: "M9 9a3 3 0 1 1 4.5 2.6c-1 .6-1.5 1.2-1.5 2.4M12 18h.01",
};

const TOOLS = ["brush", "outline", "polygon", "eraser"];
const TOGGLES = [...TOOLS, "remove", "window", "invert", "marks"];
const SLIDERS = {
  size: { min: 0, max: 40, step: 1 }, // quarter powers of two: see `radiusOf`
  level: { min: 0, max: 256, step: 1 },
  window: { min: 2, max: 512, step: 1 },
};

/** Radius in image pixels at a position of the size slider, 0..40: 0.5 to 512, doubling every four steps. */
export function radiusOf(position) {
  return Math.round(0.5 * 2 ** (position / 4) * 8) / 8;
}

/** Position of the size slider that is nearest to a radius. */
export function positionOf(radius) {
  return Math.min(SLIDERS.size.max, Math.max(0, Math.round(4 * Math.log2(radius / 0.5))));
}

/**
 * Builds the toolbar.
 * @param {(key: string, values?: object) => string} t
 * @param {{press: (action: string) => void, slide: (name: "size" | "level" | "window", value: number) => void,
 *   released: () => void}} on `released` is called when a pointer, not a key, has finished with a control
 * @returns {{element: HTMLElement, update: (state: object) => void}} `update` takes {tool, mode, radius, look,
 *   showsMarks, isWindowing, canUndo, canRedo, canClear, percent}
 */
export function buildToolbar(t, on) {
  const buttons = {};
  const sliders = {};
  const make = (action) => (buttons[action] = toolButton(t, on, action));
  const slide = (name) => (sliders[name] = slider(t, on, name)).element;
  const group = (name, ...children) =>
    element(
      "div",
      { class: `desk-group desk-group-${name}`, role: "group", "aria-label": t(`desk.group.${name}`) },
      ...children,
    );
  const zoom = element("span", { class: "desk-zoom", title: t("desk.zoom") });

  const bar = element(
    "div",
    { class: "desk-toolbar", role: "region", "aria-label": t("desk.toolbar") },
    element(
      "div",
      { class: "desk-first" },
      group("tools", ...TOOLS.map(make)),
      group("history", make("undo"), make("redo")),
    ),
    element(
      "div",
      { class: "desk-more" },
      group("pen", slide("size"), make("remove"), make("clear")),
      group("view", make("zoomOut"), zoom, make("zoomIn"), make("fit"), make("oneToOne"), make("marks")),
      group("image", slide("level"), slide("window"), make("window"), make("invert"), make("reset"), make("help")),
    ),
  );

  function update(state) {
    const isEraser = state.tool === "brush" && state.mode === "remove";
    const pressed = {
      brush: state.tool === "brush" && !isEraser,
      outline: state.tool === "outline",
      polygon: state.tool === "polygon",
      eraser: isEraser,
      remove: state.mode === "remove",
      window: state.isWindowing,
      invert: state.look.inverted,
      marks: state.showsMarks,
    };
    for (const action of TOGGLES) buttons[action].setAttribute("aria-pressed", String(pressed[action]));
    // aria-disabled, not disabled: a button that lost the focus when used would leave keyboard users nowhere
    for (const [action, can] of [["undo", state.canUndo], ["redo", state.canRedo], ["clear", state.canClear]]) {
      buttons[action].setAttribute("aria-disabled", String(!can));
    }
    const digits = { maximumFractionDigits: state.radius < 5 ? 1 : 0 };
    const diameter = `${(2 * state.radius).toLocaleString(document.documentElement.lang || undefined, digits)} px`;
    sliders.size.show(positionOf(state.radius), diameter);
    sliders.level.show(state.look.level, String(Math.round(state.look.level)));
    sliders.window.show(state.look.window, String(Math.round(state.look.window)));
    zoom.textContent = `${state.percent}%`;
  }

  return { element: bar, update };
}

/**
 * The buttons for an open polygon, which touch users cannot do without; hidden until a polygon is open.
 * @param {(key: string) => string} t @param {(action: "close" | "back" | "cancel") => void} press
 * @returns {HTMLElement}
 */
export function buildPolygonBar(t, press) {
  const make = (action, key) => {
    const made = element("button", { type: "button", class: "desk-button", "data-action": action, text: t(key) });
    made.addEventListener("click", () => press(action));
    return made;
  };
  return element(
    "div",
    { class: "desk-polygon-bar", role: "group", "aria-label": t("desk.polygon"), hidden: true },
    make("close", "desk.polygon.close"),
    make("back", "desk.polygon.back"),
    make("cancel", "desk.cancel"),
  );
}

function toolButton(t, on, action) {
  const label = t(`desk.${action}`);
  const keys = keysOf(action);
  const title = keys ? `${label} (${keys.split(/ {2}/)[0]})` : label;
  const made = element(
    "button",
    { type: "button", class: "desk-button", "data-action": action, title },
    icon(ICONS[action]),
    element("span", { class: "desk-label", text: t(`desk.${action}.short`) }),
  );
  made.addEventListener("click", (event) => {
    if (made.getAttribute("aria-disabled") !== "true") on.press(action);
    if (event.detail > 0) on.released(); // by pointer: the image receives the keys again
  });
  return made;
}

function slider(t, on, name) {
  const input = element("input", { type: "range", id: `desk-${name}`, "data-slider": name, ...SLIDERS[name] });
  const value = element("span", { class: "desk-value" });
  const label = element("label", { for: `desk-${name}`, text: t(`desk.slider.${name}`) });
  input.addEventListener("input", () => on.slide(name, Number(input.value)));
  input.addEventListener("pointerup", () => on.released());
  const show = (position, text) => {
    input.value = String(position);
    input.setAttribute("aria-valuetext", text);
    value.textContent = text;
  };
  const text = element("div", { class: "desk-slider-text" }, label, value);
  return { element: element("div", { class: "desk-slider" }, text, input), show };
}

function icon(path) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [name, value] of Object.entries({ viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" })) {
    svg.setAttribute(name, value);
  }
  const drawn = document.createElementNS("http://www.w3.org/2000/svg", "path");
  drawn.setAttribute("d", path);
  svg.append(drawn);
  return svg;
}
