/** How long a reader actually looked at an image. */

const IDLE_MS = 60000;
const TICK_MS = 1000;
const PREFIX = "sightline.active.";

/**
 * A clock that runs while the page is visible and the reader has been active within the last minute. Its time
 * survives a reload on this device.
 * @param {string} name of what is timed, such as the task's id.
 * @returns {{seconds: () => number, close: () => void, forget: () => void}}
 */
export function openClock(name) {
  const place = PREFIX + name;
  let active = storedSeconds(place) * 1000;
  let lastInput = performance.now();
  let lastTick = lastInput;

  const onInput = () => (lastInput = performance.now());
  const tick = () => {
    const now = performance.now();
    const isActive = document.visibilityState === "visible" && now - lastInput < IDLE_MS;
    if (isActive) active += Math.min(now - lastTick, 2 * TICK_MS); // hours asleep are not reading time
    lastTick = now;
    store(place, active / 1000);
  };
  const kinds = ["pointerdown", "pointermove", "keydown", "wheel"];
  for (const kind of kinds) window.addEventListener(kind, onInput, { capture: true, passive: true });
  const timer = setInterval(tick, TICK_MS);

  return {
    seconds() {
      tick();
      return Math.round(active / 100) / 10;
    },
    close() {
      clearInterval(timer);
      for (const kind of kinds) window.removeEventListener(kind, onInput, { capture: true });
    },
    forget: () => store(place, null),
  };
}

/** Forgets the times of all images on this device. */
export function forgetClocks() {
  try {
    for (const place of Object.keys(localStorage)) if (place.startsWith(PREFIX)) localStorage.removeItem(place);
  } catch {
    return; // storage is blocked: there is nothing to forget
  }
}

// Where storage is blocked, the clock restarts at 0 after a reload: the time is too short, the drawing unaffected.
function storedSeconds(place) {
  try {
    const seconds = Number(localStorage.getItem(place));
    return Number.isFinite(seconds) && seconds > 0 ? seconds : 0;
  } catch {
    return 0;
  }
}

function store(place, seconds) {
  try {
    if (seconds === null) localStorage.removeItem(place);
    else localStorage.setItem(place, String(Math.round(seconds * 10) / 10));
  } catch {
    return;
  }
}
