/** One screen at a time in <main>: closes the old, shows the new, moves the focus to its heading. */

import { t } from "./words.js";

/**
 * @typedef {object} Screen
 * @property {string} name of the screen, for the style sheet and tests.
 * @property {string} title for the window.
 * @property {Node[]} content goes into <main>; its first h1 takes the focus.
 * @property {() => void} [close] run before another screen is shown.
 * @property {() => object} [keep] parameters for making it anew, when the language changes.
 */

/**
 * @param {object} app given to every screen maker.
 * @param {{renew: (screen: Screen) => void}} frame the page's header.
 * @returns {{show: Function, again: Function, announce: (text: string) => void}}
 */
export function openScreens(app, frame) {
  const main = document.getElementById("main");
  const announcer = document.getElementById("announcer");
  let shown = null;
  let made = null;

  /** Shows what `maker(app, parameters)` makes. */
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

  /** The same screen in the language of now. */
  function again() {
    if (made) show(made.maker, { ...made.parameters, ...shown.keep?.() });
  }

  function focusHeading() {
    const heading = main.querySelector("h1");
    heading?.setAttribute("tabindex", "-1");
    heading?.focus({ preventScroll: true });
  }

  /** Says something to screen readers without moving the focus. */
  function announce(text) {
    announcer.textContent = "";
    requestAnimationFrame(() => (announcer.textContent = text));
  }

  document.getElementById("skip").addEventListener("click", (event) => {
    event.preventDefault();
    focusHeading();
  });
  document.getElementById("skip").textContent = t("frame.skip");
  return { show, again, announce };
}
