/** Branches: strokes that another device's drawing has overtaken. They stay in the device's vault until the server has
 *  them; there they wait until their reader brings them back or discards them, on any device. */

import { ApiError, pause } from "./api.js";
import { onConnection } from "./connection.js";
import { firstBatch } from "./sync.js";

const MOST_EVENTS = 1000; // of one branch
const MOST_NUMBERS = 300000; // coordinates in one request: below the server's 4 MB
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15000;

/** The branches of the task that is open, and the sending of those of every task. */
export class Branches {
  #options;
  #unkept = []; // what the vault could not store
  #isOpen = true;
  #isAsked = false;
  #isSending = false;
  #wake = () => {};
  #stopListening;

  /**
   * @param {object} options
   * @param {object} options.api
   * @param {object} options.vault
   * @param {string} options.reader
   * @param {string} options.task
   * @param {object[]} options.waiting the task's branches that wait for a decision.
   * @param {(waiting: object[], task: string) => void} options.onChange called with those of a task that wait now.
   * @param {(error: ApiError) => void} options.onSignedOut
   */
  constructor(options) {
    this.#options = options;
    /** The task's branches that wait for a decision: {id, received_at, strokes}. */
    this.waiting = options.waiting;
    this.#stopListening = onConnection((isUp) => isUp && this.#onOnline());
    this.send();
  }

  /** Keeps the task's overtaken events and sends them. Resolves once they are kept. @param {object[]} events */
  async setAside(events) {
    await this.#keep(this.#options.task, events);
    this.send();
  }

  /**
   * Sets aside what this device holds for images that have been answered elsewhere since: nobody may open them again.
   * @param {{task: string, done: boolean}[]} tasks
   */
  async setAsideOthers(tasks) {
    const { vault, reader, task } = this.#options;
    const done = new Set(tasks.filter((one) => one.done && one.task !== task).map((one) => one.task));
    const left = (await vault.unsentTasks(reader)).filter((name) => done.has(name));
    for (const name of left) await this.#keep(name, await vault.unsent(reader, name));
    if (left.length > 0) this.send();
  }

  /** Keeps events of a task as a branch in the vault. */
  async #keep(task, events) {
    const { vault, reader } = this.#options;
    let rest = events;
    while (rest.length > 0) {
      // An undo at the start of a further part undoes nothing of the part before it: a stroke too many, none too few.
      const part = firstBatch(rest, MOST_EVENTS, MOST_NUMBERS);
      rest = rest.slice(part.length);
      const id = part.at(-1).id; // the same events make the same branch, however often and from whichever window
      try {
        await vault.setAside(reader, task, part, id);
      } catch (error) {
        console.warn("this device could not set strokes aside; they are sent to the server at once:", error);
        this.#unkept.push({ task, id, events: part });
      }
    }
  }

  /** Sends what this device has set aside, of all tasks, until the server has it. */
  async send() {
    this.#isAsked = true;
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      while (this.#isAsked) {
        this.#isAsked = false;
        const { vault, reader } = this.#options;
        for (const branch of [...(await vault.aside(reader)), ...this.#unkept]) await this.#deliver(branch);
      }
    } finally {
      this.#isSending = false;
    }
  }

  /**
   * The reader's decision about a branch.
   * @param {string} id @param {"brought_back"|"discarded"} decision @param {number} numEvents of the log as shown
   * @returns {Promise<object[]>} the task's log; rejects with an ApiError.
   */
  async decide(id, decision, numEvents) {
    const { api, task } = this.#options;
    const path = `/api/tasks/${encodeURIComponent(task)}/branches/${encodeURIComponent(id)}`;
    const { branches, events } = await api.post(path, { decision, num_events: numEvents }, { tries: 3 });
    this.#show(branches, task);
    return events;
  }

  /** Stops when the screen closes; what the server lacks stays in the vault. */
  close() {
    this.#isOpen = false;
    this.#stopListening();
    this.#wake();
  }

  #onOnline() {
    this.#wake();
    this.send();
  }

  #show(waiting, task) {
    if (task === this.#options.task) this.waiting = waiting;
    if (this.#isOpen) this.#options.onChange(waiting, task);
  }

  /** Tries until the server has the branch, refuses it, or the screen has closed. */
  async #deliver(branch) {
    let wait = FIRST_WAIT_MS;
    for (;;) {
      const error = await this.#post(branch);
      if (!error?.isTemporary || !this.#isOpen) return;
      await Promise.race([pause(wait), new Promise((done) => (this.#wake = done))]);
      wait = Math.min(2 * wait, LONGEST_WAIT_MS);
    }
  }

  /** @returns {Promise<ApiError|null>} null when the server has the branch. */
  async #post({ task, id, events }) {
    const { api, vault, reader } = this.#options;
    try {
      const { branches } = await api.post(`/api/tasks/${encodeURIComponent(task)}/branches`, { id, events });
      this.#show(branches, task);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401 && this.#isOpen) this.#options.onSignedOut(error);
      return error;
    }
    this.#unkept = this.#unkept.filter((branch) => branch.id !== id);
    const ids = events.map((event) => event.id);
    try {
      await vault.drop(reader, task, ids);
    } catch (error) {
      console.warn("strokes that the server has stay on this device; it stores them once:", error);
    }
    return null;
  }
}
