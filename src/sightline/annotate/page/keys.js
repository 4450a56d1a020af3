/** Whether single-key shortcuts (no Ctrl or Alt) are on: speech input and unsteady hands trigger them by accident. */

const CHOICE = "sightline.keys";
let isOn = storedChoice();

/** @returns {boolean} */
export function areSingleKeysOn() {
  return isOn;
}

/**
 * Switches them on or off; this device remembers the choice.
 * @param {boolean} on
 */
export function setSingleKeys(on) {
  isOn = on;
  try {
    localStorage.setItem(CHOICE, on ? "on" : "off");
  } catch {
    return; // storage is blocked: the choice holds until reload
  }
}

/** While they are off, keeps single characters from all shortcuts of the page; fields still receive what is typed. */
export function guardSingleKeys() {
  window.addEventListener(
    "keydown",
    (event) => {
      const isSingle = event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey && !event.altKey;
      if (isSingle && !isOn && !isTyping(event.target) && !isRating(event.target)) event.stopImmediatePropagation();
    },
    { capture: true },
  );
}

/**
 * @param {EventTarget} target of a key event.
 * @returns {boolean} whether it is a field that accepts typing.
 */
export function isTyping(target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement)
    return !["radio", "checkbox", "range", "button", "submit"].includes(target.type);
  return target.matches("select, textarea") || target.isContentEditable;
}

/**
 * @param {EventTarget} target of a key event.
 * @returns {boolean} whether it is the question of confidence or one of its levels, which digits answer.
 */
export function isRating(target) {
  return target instanceof HTMLElement && target.closest(".confidence") !== null;
}

function storedChoice() {
  try {
    return localStorage.getItem(CHOICE) !== "off";
  } catch {
    return true;
  }
}
