/** Sends each task's events to the server in order, in batches, one request at a time, until they are confirmed. */

import { ApiError, pause } from "./api.js";
import { onConnection } from "./connection.js";

const BATCH_EVENTS = 100;
const BATCH_NUMBERS = 40000; // coordinates in one request: well below a megabyte
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15000;
const KEEP_MS = 2000; // a device that takes longer to store an event must not delay sending it

/**
 * The server's events, followed by the device's unsent ones that continue them.
 * @param {object[]} server the server's log, seq 0, 1, 2, ...
 * @param {object[]} local the unsent events by ascending seq.
 * @param {boolean} isFinal whether nothing can continue the log any more.
 * @returns {{events: object[], pending: object[], confirmed: object[], aside: object[]}} the whole log; the part
 *   that the server lacks; local events that the server has; local events that another device's drawing has overtaken.
 */
export function mergeEvents(server, local, isFinal = false) {
  const merged = { events: [...server], pending: [], confirmed: [], aside: [] };
  for (const event of local) {
    if (server[event.seq]?.id === event.id) merged.confirmed.push(event);
    else if (!isFinal && merged.aside.length === 0 && event.seq === merged.events.length) {
      merged.events.push(event);
      merged.pending.push(event);
    } else merged.aside.push(event); // after the first gap, no later event is known to continue the log
  }
  return merged;
}

/** The queue of one task's events: sends what waits as soon as it opens. */
export class Queue {
  #options;
  #path;
  #waiting;
  #isSending = false;
  #isOpen = true;
  #lastError = null;
  #wake = () => {};
  #stopListening;
  #attempted = new EventTarget(); // "attempt" after each request, whether it succeeded or not

  /**
   * @param {object} options
   * @param {object} options.api
   * @param {object} options.vault
   * @param {string} options.reader
   * @param {string} options.task
   * @param {object[]} options.pending events to send at once, from mergeEvents.
   * @param {(state: "saved"|"saving"|"offline"|"full"|"refused") => void} options.onState
   * @param {(events: object[], overtaken: object[]) => Promise<void>} options.onOutOfStep called with the server's log,
   *   and the events that it lacks, if another device has drawn; resolves once these are kept elsewhere.
   * @param {(error: ApiError) => void} options.onSignedOut
   */
  constructor(options) {
    this.#options = options;
    this.#path = `/api/tasks/${encodeURIComponent(options.task)}/events`;
    this.#waiting = [...options.pending];
    document.addEventListener("visibilitychange", this.#onHiding);
    window.addEventListener("pagehide", this.#onLeaving);
    this.#stopListening = onConnection((isUp) => isUp && this.#onOnline());
    if (this.#waiting.length > 0) this.#run();
    else this.#say("saved");
  }

  /** The events that the server has not confirmed, a copy. */
  get pending() {
    return [...this.#waiting];
  }

  /** Stores an event on the device and sends it. */
  async add(event) {
    const { vault, reader, task } = this.#options;
    this.#waiting.push(event);
    if (this.#lastError === null) this.#say("saving"); // until the next attempt, what the last one met still holds
    try {
      await Promise.race([vault.keep(reader, task, event), pause(KEEP_MS)]);
    } catch (error) {
      console.warn("this device could not store a stroke; it is sent to the server at once:", error);
    }
    this.#run();
  }

  /**
   * @returns {Promise<void>} resolves when the server has every event; rejects with the ApiError of a failed attempt.
   */
  async settled() {
    this.#lastError = null;
    if (this.#waiting.length > 0) {
      this.#wake();
      this.#run();
    }
    while (this.#waiting.length > 0 && this.#lastError === null) {
      await new Promise((done) => this.#attempted.addEventListener("attempt", done, { once: true }));
    }
    if (this.#lastError !== null) throw this.#lastError;
  }

  /** Stops when the screen closes: waiting events get one more attempt, then stay in the vault. */
  close() {
    this.#isOpen = false;
    document.removeEventListener("visibilitychange", this.#onHiding);
    window.removeEventListener("pagehide", this.#onLeaving);
    this.#stopListening();
    this.#wake();
  }

  #onLeaving = () => {
    if (this.#waiting.length > 0) this.#options.api.keepalive(this.#path, { events: firstBatch(this.#waiting) });
  };

  #onHiding = () => document.visibilityState === "hidden" && this.#onLeaving();

  #onOnline = () => {
    this.#wake();
    this.#run();
  };

  #say(state) {
    if (this.#isOpen) this.#options.onState(state);
  }

  async #run() {
    if (this.#isSending) return;
    this.#isSending = true;
    let wait = FIRST_WAIT_MS;
    while (this.#waiting.length > 0) {
      this.#lastError = await this.#sendBatch();
      this.#attempted.dispatchEvent(new Event("attempt"));
      if (this.#lastError === null) {
        wait = FIRST_WAIT_MS;
        continue;
      }
      if (!this.#lastError.isTemporary || !this.#isOpen) break;
      await Promise.race([pause(wait), new Promise((done) => (this.#wake = done))]);
      wait = Math.min(2 * wait, LONGEST_WAIT_MS);
    }
    this.#isSending = false;
    if (this.#waiting.length === 0) this.#say("saved");
    this.#attempted.dispatchEvent(new Event("attempt"));
  }

  /** @returns {Promise<ApiError|null>} null when the server has the batch. */
  async #sendBatch() {
    const batch = firstBatch(this.#waiting);
    if (this.#lastError === null) this.#say("saving");
    try {
      await this.#options.api.post(this.#path, { events: batch });
      await this.#confirm(batch);
      return null;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.code === "out_of_step") {
        await this.#overtaken(error.details.events);
        return new ApiError(error.status, error.code, error.message); // without the log: it has been shown
      }
      if (error.status === 401) this.#signedOut(error);
      else if (error.code === "disk_full") this.#say("full");
      else this.#say(error.isTemporary ? "offline" : "refused");
      return error;
    }
  }

  async #confirm(batch) {
    const { vault, reader, task } = this.#options;
    const ids = new Set(batch.map((event) => event.id));
    this.#waiting = this.#waiting.filter((event) => !ids.has(event.id));
    try {
      await vault.drop(reader, task, [...ids]);
    } catch (error) {
      console.warn("confirmed strokes stay on this device; the next visit recognises them:", error);
    }
  }

  /** What the server lacks is handed over; the vault keeps it until then. */
  async #overtaken(events) {
    const isLogged = (event) => events[event.seq]?.id === event.id;
    const logged = this.#waiting.filter(isLogged);
    const overtaken = this.#waiting.filter((event) => !isLogged(event));
    this.#waiting = []; // before anything is awaited: what is drawn from now on continues the server's log
    await this.#options.onOutOfStep(events, overtaken);
    await this.#confirm(logged);
  }

  #signedOut(error) {
    if (this.#isOpen) this.#options.onSignedOut(error);
  }
}

/** The first events that fit into one request; at least one. */
export function firstBatch(events, mostEvents = BATCH_EVENTS, mostNumbers = BATCH_NUMBERS) {
  let numbers = 0;
  const end = events.findIndex((event, index) => {
    numbers += event.points?.length ?? 0;
    return index > 0 && (index >= mostEvents || numbers > mostNumbers);
  });
  return end === -1 ? [...events] : events.slice(0, end);
}
