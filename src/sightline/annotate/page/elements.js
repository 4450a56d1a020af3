/** Building the page's DOM: text always as text, never as markup. */

/**
 * A new element.
 * @param {string} tag its name, such as "button".
 * @param {object} properties attributes by name; `text` is its text, `on` its listeners by event; null, undefined and
 *   false leave an attribute out, true sets it empty.
 * @param {...(Node|string|null)} children appended in order; null is skipped.
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
 * @param {string} text what it says.
 * @param {() => void} action run when pressed.
 * @param {object} properties further attributes.
 * @returns {HTMLButtonElement}
 */
export function button(text, action, properties = {}) {
  return element("button", { type: "button", text, on: { click: action }, ...properties });
}

/**
 * Paragraphs of a text, one a line.
 * @param {string} text lines parted by "\n".
 * @param {object} properties attributes of each paragraph.
 * @returns {HTMLElement[]}
 */
export function paragraphs(text, properties = {}) {
  return text.split("\n").map((line) => element("p", { ...properties, text: line }));
}
