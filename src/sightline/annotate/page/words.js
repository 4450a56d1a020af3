/** The page's texts: one file of strings per language, all loaded at the start, so that a language can also be chosen
 *  without a connection; this device remembers the choice. */

const DEFAULT_LANGUAGE = "it"; // the paper's readers were Italian
const CHOICE = "sightline.language";

let everyLanguage = {}; // code -> its strings
let strings = {}; // of the current language
let languages = {}; // code -> its own name
let current = DEFAULT_LANGUAGE;

/**
 * The text of a key, with {name} filled in from `values`; `{finding}` is always known. A key that the language lacks
 * is returned in brackets.
 * @param {string} key such as "welcome.title".
 * @param {Object<string, string|number>} values
 * @returns {string}
 */
export function t(key, values = {}) {
  if (!(key in strings)) return `[${key}]`;
  return strings[key].replace(/\{(\w+)\}/g, (whole, name) => {
    if (name in values) return String(values[name]);
    return name === "finding" && "finding" in strings ? strings.finding : whole;
  });
}

/**
 * @param {string} key such as "error.final".
 * @returns {boolean} whether the current language has words for it.
 */
export function has(key) {
  return key in strings;
}

/** @returns {string} the code of the current language, such as "it". */
export function language() {
  return current;
}

/** @returns {string} the locale for numbers and dates: the browser's variant of the language, such as "en-GB". */
export function locale() {
  return (navigator.languages ?? []).find((tag) => tag.toLowerCase().split("-")[0] === current) ?? current;
}

/** @returns {Object<string, string>} all languages by code, each named in its own language. */
export function allLanguages() {
  return languages;
}

/**
 * Formats a number for the current language.
 * @param {number} value
 * @param {number} digits after the decimal point.
 * @returns {string}
 */
export function number(value, digits = 0) {
  return new Intl.NumberFormat(locale(), { maximumFractionDigits: digits, minimumFractionDigits: digits }).format(
    value,
  );
}

/**
 * A moment for people, the month in letters, so that nobody takes a day for a month.
 * @param {string|null|undefined} at as the server gives it.
 * @param {"short"|"medium"} timeStyle "medium" has seconds.
 * @returns {string} a dash if the moment is unknown.
 */
export function moment(at, timeStyle = "short") {
  return at ? new Date(at).toLocaleString(locale(), { dateStyle: "medium", timeStyle }) : "–";
}

/**
 * Loads the strings of all languages and chooses the first one available: the choice made on this device, the
 * browser's languages, Italian.
 * @returns {Promise<void>}
 */
export async function loadWords() {
  languages = (await json("/page/strings/index.json")).languages;
  const load = async (code) => [code, await json(`/page/strings/${code}.json`)];
  everyLanguage = Object.fromEntries(await Promise.all(Object.keys(languages).map(load)));
  const browser = (navigator.languages ?? [navigator.language]).map((tag) => tag.toLowerCase().split("-")[0]);
  const preferences = [storedChoice(), ...browser, DEFAULT_LANGUAGE, ...Object.keys(languages)];
  choose(preferences.find((code) => code in languages));
}

/**
 * Switches to another language; unknown codes are ignored.
 * @param {string} code such as "en".
 * @returns {boolean} whether the language changed.
 */
export function setLanguage(code) {
  if (!(code in languages) || code === current) return false;
  choose(code);
  storeChoice(code);
  return true;
}

function choose(code) {
  strings = everyLanguage[code];
  current = code;
  document.documentElement.lang = code;
}

async function json(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: HTTP ${answer.status}`);
  return answer.json();
}

// Browsers that block storage throw on any access to it; the choice then lasts only until the page is reloaded.
function storedChoice() {
  try {
    return localStorage.getItem(CHOICE);
  } catch {
    return null;
  }
}

function storeChoice(code) {
  try {
    localStorage.setItem(CHOICE, code);
  } catch {
    return;
  }
}
