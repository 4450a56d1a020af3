/** Sends each task's events to the server in order, in batches, one request at a time, until they are confirmed. */

import { ApiError, pause } from "./api.js";

const BATCH_EVENTS = 100;
const BATCH_NUMBERS = 40000; // coordinates in one request: well below a megabyte
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15000;
const KEEP_MS = 2000; // a device that takes longer to store an event must not delay sending it

/**
 * The server's events, followed by the device's unsent ones that continue them.
 * @param {object[]} server the server's log, seq 0, 1, 2, ...
 * @param {object[]} local the unsent events by ascending seq.
 * @returns {{events: object[], pending: object[], confirmed: object[], aside: object[]}} the whole log; the part
 *   that the server lacks; local events that the server has; local events that another device's drawing has overtaken.
 */
export function mergeEvents(server, local) {
  const merged = { events: [...server], pending: [], confirmed: [], aside: [] };
  for (const event of local) {
    if (server[event.seq]?.id === event.id) merged.confirmed.push(event);
    else if (merged.aside.length === 0 && event.seq === merged.events.length) {
      merged.events.push(event);
      merged.pending.push(event);
    } else merged.aside.push(event); // after the first gap, no later event is known to continue the log
  }
  return merged;
}

/**
 * The queue of one task's events.
 * @param {object} options
 * @param {object} options.api
 * @param {object} options.vault
 * @param {string} options.reader
 * @param {string} options.task
 * @param {object[]} options.pending events to send at once, from mergeEvents.
 * @param {(state: "saved"|"saving"|"offline"|"full"|"refused") => void} options.onState
 * @param {(events: object[]) => void} options.onOutOfStep called with the server's log if another device has drawn.
 * @param {(error: ApiError) => void} options.onSignedOut
 * @returns {{add, settled, close, pending}}
 */
export function openQueue({ api, vault, reader, task, pending, onState, onOutOfStep, onSignedOut }) {
  let waiting = [...pending];
  let isSending = false;
  let isOpen = true;
  let lastError = null;
  let wake = () => {};
  const path = `/api/tasks/${encodeURIComponent(task)}/events`;
  const attempted = new EventTarget(); // "attempt" after each request, whether it succeeded or not

  const say = (state) => isOpen && onState(state);

  async function add(event) {
    waiting.push(event);
    if (lastError === null) say("saving"); // until the next attempt, what the last one met still holds
    try {
      await Promise.race([vault.keep(reader, task, event), pause(KEEP_MS)]);
    } catch (error) {
      console.warn("this device could not store a stroke; it is sent to the server at once:", error);
    }
    run();
  }

  async function run() {
    if (isSending) return;
    isSending = true;
    let wait = FIRST_WAIT_MS;
    while (waiting.length > 0) {
      lastError = await sendBatch();
      attempted.dispatchEvent(new Event("attempt"));
      if (lastError === null) {
        wait = FIRST_WAIT_MS;
        continue;
      }
      if (!lastError.isTemporary || !isOpen) break;
      await Promise.race([pause(wait), new Promise((done) => (wake = done))]);
      wait = Math.min(2 * wait, LONGEST_WAIT_MS);
    }
    isSending = false;
    if (waiting.length === 0) say("saved");
    attempted.dispatchEvent(new Event("attempt"));
  }

  /** @returns {Promise<ApiError|null>} null when the server has the batch. */
  async function sendBatch() {
    const batch = firstBatch(waiting);
    if (lastError === null) say("saving");
    try {
      await api.post(path, { events: batch });
      await confirm(batch);
      return null;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.code === "out_of_step") await overtaken(error.details.events);
      else if (error.status === 401) isOpen && onSignedOut(error);
      else if (error.code === "disk_full") say("full");
      else say(error.isTemporary ? "offline" : "refused");
      return error;
    }
  }

  async function confirm(batch) {
    const ids = new Set(batch.map((event) => event.id));
    waiting = waiting.filter((event) => !ids.has(event.id));
    try {
      await vault.drop(reader, task, [...ids]);
    } catch (error) {
      console.warn("confirmed strokes stay on this device; the next visit recognises them:", error);
    }
  }

  async function overtaken(events) {
    await confirm(waiting);
    if (isOpen) onOutOfStep(events);
  }

  /**
   * @returns {Promise<void>} resolves when the server has every event; rejects with the ApiError of a failed attempt.
   */
  async function settled() {
    lastError = null;
    if (waiting.length > 0) {
      wake();
      run();
    }
    while (waiting.length > 0 && lastError === null) {
      await new Promise((done) => attempted.addEventListener("attempt", done, { once: true }));
    }
    if (lastError !== null) throw lastError;
  }

  const onLeaving = () => {
    if (waiting.length > 0) api.keepalive(path, { events: firstBatch(waiting) });
  };
  const onHiding = () => document.visibilityState === "hidden" && onLeaving();
  const onOnline = () => {
    wake();
    run();
  };
  document.addEventListener("visibilitychange", onHiding);
  window.addEventListener("pagehide", onLeaving);
  window.addEventListener("online", onOnline);

  if (waiting.length > 0) run();
  else say("saved");

  return {
    add,
    settled,
    /** @returns {number} events that the server has not confirmed. */
    pending: () => waiting.length,
    /** Stops when the screen closes: waiting events get one more attempt, then stay in the vault. */
    close() {
      isOpen = false;
      document.removeEventListener("visibilitychange", onHiding);
      window.removeEventListener("pagehide", onLeaving);
      window.removeEventListener("online", onOnline);
      wake();
    },
  };
}

/** The first events that fit into one request; at least one. */
function firstBatch(events) {
  let numbers = 0;
  const end = events.findIndex((event, index) => {
    numbers += event.points?.length ?? 0;
    return index > 0 && (index >= BATCH_EVENTS || numbers > BATCH_NUMBERS);
  });
  return end === -1 ? [...events] : events.slice(0, end);
}
