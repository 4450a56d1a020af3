// A comment in the reader's own words, where the study asks for one. It is stored with the answer and never votes.

import { element } from "./elements.js";
import { t } from "./words.js";

const LONGEST = 2000; // letters; the server takes no more

export class Comment {
  /** @param {string | null} text so far */
  constructor(text) {
    const hint = element("p", { id: "comment-hint", class: "comment-hint", text: t("comment.hint") });
    this.field = element("textarea", {
      id: "comment",
      rows: "3",
      maxlength: String(LONGEST),
      "aria-describedby": "comment-hint",
    });
    this.field.value = text ?? "";
    this.field.setAttribute("aria-label", t("comment.title"));
    const title = element("summary", { text: t("comment.title") });
    this.node = element("details", { class: "comment" }, title, this.field, hint);
    this.node.open = Boolean(text);
  }

  /** @returns {string | null} null where nothing is written */
  get text() {
    return this.field.value.trim() || null;
  }
}
