// The desk's buttons and sliders. They know nothing about the drawing: they report what was pressed and show the state
// that they are given.

import { POSITIONS, positionOf } from "./brush_size.js";
import { element } from "./elements.js";
import { icon } from "./icons.js";
import { keysOf } from "./shortcuts.js";

const tool = (action) => ({ kind: "tool", action }); // one of the tools, of which one is chosen and pressed
const toggle = (action) => ({ kind: "toggle", action }); // pressed while what it switches is on
const push = (action) => ({ kind: "push", action }); // acts once
const slide = (name, max, min = 0) => ({ kind: "slider", name, min, max });

/**
 * What the toolbar holds, group by group. A new control is one entry here, an icon of its action in icons.js and the
 * words `desk.<action>` (its title) and `desk.<action>.short` (under the icon). The `isFirst` groups stay in sight on a
 * phone; the others scroll below them.
 */
const GROUPS = [
  {
    name: "tools",
    isFirst: true,
    controls: [
      ...[tool("brush"), tool("outline"), tool("polygon"), tool("eraser"), tool("hand")],
      ...[tool("point"), tool("box"), tool("ellipse")],
    ],
  },
  { name: "history", isFirst: true, controls: [push("undo"), push("redo")] },
  { name: "pen", controls: [slide("size", POSITIONS), toggle("remove"), push("clear")] },
  {
    name: "view",
    controls: [push("zoomOut"), { kind: "zoom" }, push("zoomIn"), push("fit"), push("oneToOne"), toggle("marks")],
  },
  {
    name: "image",
    controls: [
      slide("level", 256), // these two reach as far as the film's levels
      slide("window", 512, 2),
      ...["window_own", "window_lung", "window_bone", "window_whole"].map(toggle),
      ...["window", "invert", "smooth"].map(toggle),
      push("reset"),
    ],
  },
  { name: "help", controls: [push("help")] },
];
const CONTROLS = GROUPS.flatMap((group) => group.controls);

/**
 * Builds the toolbar.
 * @param {(key: string, values?: object) => string} t
 * @param {{press: (action: string) => void, slide: (name: "size" | "level" | "window", value: number) => void,
 *   released: () => void}} on `released` is called when a pointer, not a key, has finished with a control
 * @returns {{element: HTMLElement, update: (state: object) => void}} `update` takes {tool, mode, isHand, radius,
 *   look, range, switches, showsMarks, isWindowing, canUndo, canRedo, canClear, percent}
 */
export function buildToolbar(t, on) {
  const buttons = {};
  const sliders = {};
  const zoom = element("span", { class: "desk-zoom", title: t("desk.zoom") });

  function made(control) {
    if (control.kind === "zoom") return zoom;
    if (control.kind === "slider") return (sliders[control.name] = slider(t, on, control)).element;
    return (buttons[control.action] = toolButton(t, on, control.action));
  }

  const groups = (isFirst) =>
    GROUPS.filter((group) => Boolean(group.isFirst) === isFirst).map(({ name, controls }) =>
      element(
        "div",
        { class: `desk-group desk-group-${name}`, role: "group", "aria-label": t(`desk.group.${name}`) },
        ...controls.map(made),
      ),
    );
  const bar = element(
    "div",
    { class: "desk-toolbar", role: "region", "aria-label": t("desk.toolbar") },
    element("div", { class: "desk-first" }, ...groups(true)),
    element("div", { class: "desk-more" }, ...groups(false)),
  );

  function update(state) {
    const lit = switchedOn(state);
    for (const { kind, action } of CONTROLS) {
      if (kind === "tool") buttons[action].setAttribute("aria-pressed", String(action === chosenTool(state)));
      if (kind === "toggle") buttons[action].setAttribute("aria-pressed", String(lit[action]));
    }
    // aria-disabled, not disabled: a button that lost the focus when used would leave keyboard users nowhere
    for (const [action, can] of [["undo", state.canUndo], ["redo", state.canRedo], ["clear", state.canClear]]) {
      buttons[action].setAttribute("aria-disabled", String(!can));
    }
    sliders.size.show(positionOf(state.radius), `${Math.round(2 * state.radius)} px`);
    for (const name of ["level", "window"]) {
      sliders[name].show(state.look[name], String(Math.round(state.look[name])), state.range[name]);
    }
    zoom.textContent = `${state.percent}%`;
  }

  return { element: bar, update };
}

/** The action of the chosen tool: the eraser is the brush that removes. */
function chosenTool({ tool: chosen, mode, isHand }) {
  if (isHand) return "hand";
  return chosen === "brush" && mode === "remove" ? "eraser" : chosen;
}

/** Which toggles are on, by action. */
function switchedOn({ mode, isWindowing, look, showsMarks, switches }) {
  return { ...switches, remove: mode === "remove", window: isWindowing, invert: look.inverted, marks: showsMarks };
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
    icon(action),
    element("span", { class: "desk-label", text: t(`desk.${action}.short`) }),
  );
  made.addEventListener("click", (event) => {
    if (made.getAttribute("aria-disabled") !== "true") on.press(action);
    if (event.detail > 0) on.released(); // by pointer: the image receives the keys again
  });
  return made;
}

function slider(t, on, { name, min, max }) {
  const input = element("input", { type: "range", id: `desk-${name}`, "data-slider": name, min, max, step: 1 });
  const value = element("span", { class: "desk-value" });
  const label = element("label", { for: `desk-${name}`, text: t(`desk.slider.${name}`) });
  input.addEventListener("input", () => on.slide(name, Number(input.value)));
  input.addEventListener("pointerup", () => on.released());
  const show = (position, text, reach = max) => {
    input.max = String(reach);
    input.value = String(position);
    input.setAttribute("aria-valuetext", text);
    value.textContent = text;
  };
  const text = element("div", { class: "desk-slider-text" }, label, value);
  return { element: element("div", { class: "desk-slider" }, text, input), show };
}
