/** Whether single keys without Ctrl or Alt do anything: speech input and unsteady hands set them off by accident. */

const CHOICE = "sightline.keys";
let isOn = storedChoice();

/** @returns {boolean} */
export function areSingleKeysOn() {
  return isOn;
}

/**
 * Switches them on or off, remembered on this device.
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

/** While they are off, keeps single characters from every shortcut on the page; fields still get what is typed. */
export function guardSingleKeys() {
  window.addEventListener(
    "keydown",
    (event) => {
      const isSingle = event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey && !event.altKey;
      if (isSingle && !isOn && !isTyping(event.target)) event.stopImmediatePropagation();
    },
    { capture: true },
  );
}

/**
 * @param {EventTarget} target of a key event.
 * @returns {boolean} whether it is a field that takes text or letters.
 */
export function isTyping(target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement)
    return !["radio", "checkbox", "range", "button", "submit"].includes(target.type);
  return target.matches("select, textarea") || target.isContentEditable;
}

function storedChoice() {
  try {
    return localStorage.getItem(CHOICE) !== "off";
  } catch {
    return true;
  }
}
