/** The notice of strokes that were set aside, and the reader's decision: show them, bring them back, discard. */

import { ask } from "./dialogs.js";
import { button, element } from "./elements.js";
import { moment, t } from "./words.js";

export class BranchNotice {
  #hooks;
  #shown = null; // id of the branch that is drawn over the image

  /**
   * @param {object} hooks
   * @param {(strokes: object[]|null) => void} hooks.onShow draws strokes over the image; null removes them.
   * @param {(id: string, decision: "brought_back"|"discarded") => void} hooks.onDecide
   * @param {boolean} isFinal whether nothing can be brought back any more.
   */
  constructor(hooks, isFinal) {
    this.#hooks = hooks;
    this.isFinal = isFinal;
    this.node = element("div", { class: "branches", id: "branches", role: "status", hidden: true });
  }

  /** Shows the branches that wait. @param {{id: string, received_at: string, strokes: object[]}[]} waiting */
  fill(waiting) {
    if (!waiting.some(({ id }) => id === this.#shown)) this.#draw(null);
    this.node.replaceChildren(...waiting.map((branch) => this.#item(branch)));
    this.node.hidden = waiting.length === 0;
  }

  #item({ id, received_at: receivedAt, strokes }) {
    const text = t("branch.text", { count: strokes.length, at: moment(receivedAt) });
    const show = button(t("branch.show"), () => this.#toggle({ id, strokes }), {
      class: "branch-show",
      "aria-pressed": String(id === this.#shown),
    });
    show.dataset.branch = id;
    const back = this.isFinal
      ? null
      : button(t("branch.bring_back"), () => this.#hooks.onDecide(id, "brought_back"), { class: "branch-back" });
    const discard = button(t("branch.discard"), () => this.#discard(id), { class: "branch-discard" });
    return element(
      "div",
      { class: "notice branch", "data-kind": "problem" },
      element("p", { text: this.isFinal ? `${text} ${t("branch.final")}` : text }),
      element("div", { class: "actions" }, show, back, discard),
    );
  }

  #toggle(branch) {
    this.#draw(branch.id === this.#shown ? null : branch);
  }

  #draw(branch) {
    this.#shown = branch?.id ?? null;
    this.#hooks.onShow(branch?.strokes ?? null);
    for (const node of this.node.querySelectorAll(".branch-show")) {
      node.setAttribute("aria-pressed", String(node.dataset.branch === this.#shown));
    }
  }

  async #discard(id) {
    const question = { title: t("branch.discard_title"), text: t("branch.discard_text"), yes: t("branch.discard") };
    if (await ask(question)) this.#hooks.onDecide(id, "discarded");
  }
}
