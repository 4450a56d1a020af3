/** What the headers of the reader's and the admin's page share: the name and the choice of language. */

import { element } from "./elements.js";
import { allLanguages, language, t } from "./words.js";

/** @returns {HTMLElement} logo and name. */
export function brand() {
  const logo = element("img", { src: "/page/favicon.svg", alt: "", width: 28, height: 28 });
  return element("p", { class: "brand" }, logo, "Sightline");
}

/**
 * @param {(code: string) => void} onChoose called with the code of the chosen language, such as "en".
 * @returns {HTMLSelectElement} all languages; the current one is selected.
 */
export function languagePicker(onChoose) {
  return element(
    "select",
    { id: "language", "aria-label": t("frame.language"), on: { change: (event) => onChoose(event.target.value) } },
    ...Object.entries(allLanguages()).map(([code, name]) =>
      element("option", { value: code, text: name, selected: code === language(), lang: code }),
    ),
  );
}
