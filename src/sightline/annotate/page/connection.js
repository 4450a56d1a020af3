/** Whether the server can be reached: what the browser says of the network, and what the last request met. */

const PROBE = "/page/favicon.svg";
const PROBE_MS = 4000; // between two probes while the server cannot be reached, and the time that each may take

let isUp = navigator.onLine;
let timer = 0;
const listeners = new Set();

/** @returns {boolean} whether the last request went unanswered or the browser has no network. */
export function isOffline() {
  return !isUp;
}

/**
 * Records whether a request was answered, be it by a refusal.
 * @param {boolean} wasAnswered
 */
export function reached(wasAnswered) {
  const isChange = wasAnswered !== isUp;
  isUp = wasAnswered;
  clearTimeout(timer);
  if (!isUp) timer = setTimeout(probe, PROBE_MS);
  if (isChange) for (const listener of [...listeners]) listener(isUp);
}

/**
 * Calls a listener at each change, until it is told to stop.
 * @param {(isUp: boolean) => void} listener
 * @returns {() => void} stops it.
 */
export function onConnection(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Asks the server for a small file; whatever it answers, it is there. */
async function probe() {
  try {
    await fetch(PROBE, { method: "HEAD", cache: "no-store", signal: AbortSignal.timeout(PROBE_MS) });
    reached(true);
  } catch {
    reached(false); // asks again: the page recovers by itself
  }
}

window.addEventListener("offline", () => reached(false));
window.addEventListener("online", probe);
if (!isUp) probe();
