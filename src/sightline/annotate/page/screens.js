/** Shows one screen at a time in <main>: closes the old one, shows the new one, moves the focus to its heading. */

import { t } from "./words.js";

/**
 * @typedef {object} Screen
 * @property {string} name of the screen, for the style sheet and tests.
 * @property {string} title of the window.
 * @property {Node[]} content of <main>; its first h1 takes the focus.
 * @property {() => void} [close] called before another screen is shown.
 * @property {() => object} [keep] parameters with which the screen is made again when the language changes.
 */

/**
 * @param {object} app passed to every screen maker.
 * @param {{renew: (screen: Screen) => void}} frame the page's header.
 * @returns {{show: Function, shown: Function, again: Function, announce: (text: string) => void}}
 */
export function openScreens(app, frame) {
  const main = document.getElementById("main");
  const announcer = document.getElementById("announcer");
  let shown = null;
  let made = null;

  /** Shows the screen that `maker(app, parameters)` returns. */
  function show(maker, parameters = {}) {
    shown?.close?.();
    made = { maker, parameters };
    shown = maker(app, parameters);
    document.documentElement.dataset.screen = shown.name;
    document.title = `${shown.title} · Sightline`;
    main.replaceChildren(...shown.content);
    frame.renew(shown);
    window.scrollTo(0, 0);
    focusHeading();
  }

  /** The screen that is shown, as `show` takes it; null before the first. */
  function current() {
    return made && { maker: made.maker, parameters: { ...made.parameters, ...shown.keep?.() } };
  }

  /** Shows the same screen in the current language. */
  function again() {
    const same = current();
    if (same) show(same.maker, same.parameters);
  }

  function focusHeading() {
    const heading = main.querySelector("h1");
    heading?.setAttribute("tabindex", "-1");
    heading?.focus({ preventScroll: true });
  }

  /** Announces a text to screen readers without moving the focus. */
  function announce(text) {
    announcer.textContent = "";
    requestAnimationFrame(() => (announcer.textContent = text));
  }

  document.getElementById("skip").addEventListener("click", (event) => {
    event.preventDefault();
    focusHeading();
  });
  document.getElementById("skip").textContent = t("frame.skip");
  return { show, shown: current, again, announce };
}
