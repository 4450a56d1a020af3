/** Builds the page's DOM; text is always inserted as text, never as markup. */

/**
 * Creates an element.
 * @param {string} tag its name, such as "button".
 * @param {object} properties attributes by name; `text` is its text, `on` its listeners by event; null, undefined and
 *   false leave an attribute out, true sets an empty one.
 * @param {...(Node|string|null)} children appended in order; null and undefined are skipped.
 * @returns {HTMLElement}
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") made.textContent = value;
    else if (name === "on")
      for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/**
 * A push button that does not submit a form.
 * @param {string} text its label.
 * @param {() => void} action called when it is pressed.
 * @param {object} properties further attributes.
 * @returns {HTMLButtonElement}
 */
export function button(text, action, properties = {}) {
  return element("button", { type: "button", text, on: { click: action }, ...properties });
}

/**
 * One paragraph per line of a text.
 * @param {string} text lines separated by "\n".
 * @param {object} properties attributes of each paragraph.
 * @returns {HTMLElement[]}
 */
export function paragraphs(text, properties = {}) {
  return text.split("\n").map((line) => element("p", { ...properties, text: line }));
}
