// The film beside the image, such as an earlier or a lateral one. It is shown and never drawn on. While it is linked it
// follows the image's zoom, place and window, and the image follows its zoom and place.

import { element } from "./elements.js";
import { FilmError, openFilm } from "./films.js";
import { Pointers } from "./pointer.js";
import { View } from "./view.js";
import { lookOf, openXray } from "./xray.js";

const UNUSED = ["begin", "move", "end", "cancel", "window", "hover", "busy"]; // hooks of pointers that draw

let isLinked = true; // from one image to the next, until the page is reloaded

/** A second view in the desk, beside the image; below it on a narrow screen. */
export class Companion {
  #desk;
  #view = null;
  #pointers;
  #isFollowing = false;
  #isClosed = false;

  /**
   * @param {import("./desk.js").Desk} desk
   * @param {{image: string, kind: string, width: number, height: number}} film image: its address
   * @param {(key: string) => string} t
   */
  constructor(desk, film, t) {
    this.#desk = desk;
    this.t = t;
    const name = t(`companion.${film.kind}`);
    const loading = element("p", { class: "loading", text: t("reading.loading") });
    this.stage = element("div", { class: "companion-stage" }, loading);
    this.toggle = element("button", {
      type: "button",
      id: "companion-link",
      class: "desk-button",
      "aria-pressed": String(isLinked),
      title: t("companion.link.title"),
      text: t("companion.link"),
      on: { click: () => this.#link(!isLinked) },
    });
    const head = element("div", { class: "companion-head" }, element("span", { text: name }), this.toggle);
    this.node = element("div", { class: "companion", role: "group", "aria-label": name }, head, this.stage);
    desk.placeBeside(this.node);
    this.#load(film);
  }

  close() {
    this.#isClosed = true;
    this.#pointers?.close();
    this.#view?.close();
    this.node.remove();
  }

  async #load({ image: address, width, height }) {
    try {
      const film = await openFilm(address);
      if (!this.#isClosed) this.#show(film, width, height);
    } catch (error) {
      if (!(error instanceof FilmError)) throw error;
      this.stage.replaceChildren(element("p", { class: "loading", role: "alert", text: this.t("companion.failed") }));
    }
  }

  #show(film, width, height) {
    const xray = openXray(film);
    this.film = film;
    const nothing = { width, height, canvas: document.createElement("canvas"), paint() {} }; // in place of marks
    this.stage.replaceChildren();
    this.#view = new View(this.stage, xray, nothing, { paintLive() {}, onChange: () => this.#follow("companion") });
    this.xray = xray;
    const { live } = this.#view;
    this.#pointers = new Pointers(live, {
      intent: () => "pan",
      ...Object.fromEntries(UNUSED.map((name) => [name, () => {}])),
      pan: (dx, dy) => this.#view.pan(dx, dy),
      zoom: (factor, x, y) => this.#view.zoom(factor, x, y),
    });
    this.#desk.onShown = () => this.#follow("image");
    this.#desk.onLook = () => this.#look();
    this.#link(isLinked);
  }

  #link(linked) {
    isLinked = linked;
    this.toggle.setAttribute("aria-pressed", String(linked));
    if (!this.#view) return;
    this.#look();
    this.#follow("image");
  }

  /** The image's window, or the film as it is. */
  #look() {
    const { look, film } = this.#desk.looking;
    const shown = isLinked ? lookLike(look, film, this.film) : lookOf(this.film, "own");
    this.#view.repaintBase(() => this.xray.show(shown));
  }

  /** One view has moved: the other shows the same part, measured by the films' sides. */
  #follow(moved) {
    if (this.#view) this.stage.dataset.scale = this.#view.scale;
    if (!isLinked || this.#isFollowing || !this.#view) return;
    this.#isFollowing = true;
    const views = [this.#desk.view, this.#view];
    const [from, to] = moved === "image" ? views : views.reverse();
    showAlike(from, to);
    this.stage.dataset.scale = this.#view.scale;
    this.#isFollowing = false;
  }
}

/** On one film the look that another film has: the window of the same name, or the same share of the levels. */
function lookLike({ level, window, inverted, preset }, from, to) {
  if (preset) return { ...lookOf(to, preset), inverted };
  const share = (to.white + 1) / (from.white + 1);
  return { level: level * share, window: Math.max(2, window * share), inverted, preset: null };
}

/** Shows in one view what another shows, as shares of the films' sides. */
function showAlike(from, to) {
  if (from.fitted) {
    if (!to.fitted) to.fit();
    return;
  }
  const middle = {
    x: (from.stageWidth / 2 - from.x) / from.scale / from.width,
    y: (from.stageHeight / 2 - from.y) / from.scale / from.height,
  };
  to.scale = (from.scale / fitting(from)) * fitting(to);
  to.x = to.stageWidth / 2 - middle.x * to.width * to.scale;
  to.y = to.stageHeight / 2 - middle.y * to.height * to.scale;
  to.zoom(1); // keeps part of the film in sight, and repaints
}

/** The scale at which a view shows its whole film. */
function fitting({ stageWidth, stageHeight, width, height }) {
  return Math.min(stageWidth / width, stageHeight / height);
}
