// How the reader looks at a film: through one of its windows or one of the reader's own, inverted or not, and whether
// enlarged pixels are smoothed.

import { lookOf, PRESETS } from "./xray.js";

const ACTIONS = Object.fromEntries(PRESETS.map((preset) => [`window_${preset}`, preset]));
const kept = { isSmooth: false }; // from one image to the next, until the page is reloaded

/** The look at one film, which starts as the film's own. */
export class Looking {
  /**
   * @param {import("./xray.js").Film} film
   * @param {(look: import("./xray.js").Look) => void} onChange called after each change
   */
  constructor(film, onChange) {
    Object.assign(this, { film, onChange });
    this.look = lookOf(film, "own");
    this.range = { level: film.white + 1, window: 2 * (film.white + 1) }; // the largest ones that a slider reaches
    this.unit = this.look.window / 256; // levels per CSS pixel of a drag: 1 for a film of 8 bits
  }

  get isSmooth() {
    return kept.isSmooth;
  }

  /** Which of the actions below are on, for the toolbar. @returns {Object<string, boolean>} */
  get switches() {
    const presets = Object.entries(ACTIONS).map(([action, preset]) => [action, this.look.preset === preset]);
    return { ...Object.fromEntries(presets), smooth: kept.isSmooth };
  }

  /** What the desk's keys and buttons do here. @param {{smooth: (isSmooth: boolean) => void}} view */
  actions(view) {
    const choose = (preset) => () => this.#change({ ...lookOf(this.film, preset), inverted: this.look.inverted });
    return {
      ...Object.fromEntries(Object.entries(ACTIONS).map(([action, preset]) => [action, choose(preset)])),
      invert: () => this.#change({ inverted: !this.look.inverted }),
      smooth: () => {
        kept.isSmooth = !kept.isSmooth;
        view.smooth(kept.isSmooth);
      },
    };
  }

  /** A window of the reader's own. @param {{level?: number, window?: number}} changed */
  set({ level = this.look.level, window = this.look.window }) {
    const within = (least, value, largest) => Math.min(largest, Math.max(least, value));
    const { range } = this;
    this.#change({ preset: null, level: within(0, level, range.level), window: within(2, window, range.window) });
  }

  /** A drag by CSS pixels: sideways the window, up and down the level. */
  drag(dx, dy) {
    const { look, unit } = this;
    this.set({ window: look.window + dx * unit, level: look.level + (dy * unit) / 2 });
  }

  /** The film's own look again. */
  reset() {
    this.#change(lookOf(this.film, "own"));
  }

  #change(changed) {
    Object.assign(this.look, changed);
    this.onChange(this.look);
  }
}
