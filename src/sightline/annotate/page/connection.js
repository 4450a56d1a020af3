/** Whether the server can be reached: what the browser says of the network, and what the last request met. */

const PROBE = "/page/favicon.svg";
const GATEWAY = [502, 503, 504]; // a proxy answers, and the server behind it does not
const PROBE_MS = 4000; // between two probes while the server cannot be reached, and the time that each may take

let isUp = navigator.onLine;
let timer = 0;
const listeners = new Set();

/** @returns {boolean} whether the last request went unanswered or the browser has no network. */
export function isOffline() {
  return !isUp;
}

/**
 * Records what a request met.
 * @param {Response|null} answer any answer of the server, a refusal too; null if none came.
 */
export function met(answer) {
  const before = isUp;
  isUp = answer !== null && !GATEWAY.includes(answer.status);
  clearTimeout(timer);
  if (!isUp) timer = setTimeout(probe, PROBE_MS);
  if (isUp !== before) for (const listener of [...listeners]) listener(isUp);
}

/**
 * Calls a listener at each change until the returned function is called.
 * @param {(isUp: boolean) => void} listener
 * @returns {() => void} stops the calls.
 */
export function onConnection(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/**
 * Asks the server for a small file, now; while it cannot be reached, the page asks again by itself.
 * @returns {Promise<boolean>} whether it can be reached.
 */
export async function probe() {
  try {
    met(await fetch(PROBE, { method: "HEAD", cache: "no-store", signal: AbortSignal.timeout(PROBE_MS) }));
  } catch {
    met(null);
  }
  return isUp;
}

window.addEventListener("offline", () => met(null));
window.addEventListener("online", probe);
if (!isUp) probe();
