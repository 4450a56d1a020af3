// The key of window and level: held, it acts while it is held; a short press switches it on or off.

const HOLD_MS = 400; // a press longer than this is a hold

export class WindowKey {
  #press = null; // {at, before, used} while the key is held

  /** @param {number} at time of the event, ms @param {boolean} isWindowing before the press */
  press(at, isWindowing) {
    this.#press = { at, before: isWindowing, used: false };
  }

  /** Window or level has changed; if the key is held, this press is a hold. */
  use() {
    if (this.#press) this.#press.used = true;
  }

  /** The key is released. @returns {boolean} isWindowing from now on */
  release(at, isWindowing) {
    const press = this.#press;
    this.#press = null;
    return press && (press.used || at - press.at > HOLD_MS) ? press.before : isWindowing;
  }

  /** The release will not be reported: as after a hold. @returns {boolean} isWindowing from now on */
  forget(isWindowing) {
    const before = this.#press?.before ?? isWindowing;
    this.#press = null;
    return before;
  }
}
