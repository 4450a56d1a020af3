// The desk's keyboard: keys become actions, and two of them, Space and W, also act while they are held.

import { actionOf } from "./shortcuts.js";
import { WindowKey } from "./window_key.js";

const ONCE = ["hand", "hold", "window", "help", "invert", "smooth", "marks", "remove", "clear"]; // not repeated

/** Listens to the whole document until it is closed. */
export class DeskKeys {
  /** @param {import("./desk.js").Desk} desk */
  constructor(desk) {
    this.desk = desk;
    this.windowKey = new WindowKey();
    document.addEventListener("keydown", this.#onDown, { capture: true });
    document.addEventListener("keyup", this.#onUp, { capture: true });
    window.addEventListener("blur", this.#onBlur);
  }

  close() {
    document.removeEventListener("keydown", this.#onDown, { capture: true });
    document.removeEventListener("keyup", this.#onUp, { capture: true });
    window.removeEventListener("blur", this.#onBlur);
  }

  #onDown = (event) => {
    const action = actionOf(event);
    if (!action) return;
    const isRepeat = event.repeat && ONCE.includes(action);
    if (action === "window" && !isRepeat) this.windowKey.press(event.timeStamp, this.desk.isWindowing);
    if (!isRepeat && !this.desk.actions.perform(action)) return;
    event.preventDefault();
    event.stopPropagation(); // Enter that closes a polygon must not also submit
  };

  #onUp = (event) => {
    const { desk, windowKey } = this;
    if (event.key === " ") desk.isHandHeld = false;
    if (event.key.toLowerCase() === "w") desk.isWindowing = windowKey.release(event.timeStamp, desk.isWindowing);
    desk.update();
  };

  /** The window loses the keyboard: the release of a key that is held down will not be reported. */
  #onBlur = () => {
    this.desk.isHandHeld = false;
    this.desk.isWindowing = this.windowKey.forget(this.desk.isWindowing);
    this.desk.update();
  };
}
