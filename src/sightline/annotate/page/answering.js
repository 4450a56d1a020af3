/** Giving an image's answer: what must be so before it is sent, sending it, and where the reader goes from there. */

import { ApiError } from "./api.js";
import { isOffline, probe } from "./connection.js";
import { ask } from "./dialogs.js";
import { coverageText, submission } from "./submission.js";
import { t } from "./words.js";

/** What the reader has chosen on an image beside the drawing, in the form of a task's fields. */
export function chosenIn({ task, findings, comment }) {
  return { given: findings?.kept ?? task.given, comment: comment ? comment.text : task.comment };
}

export class Answering {
  /**
   * @param {object} app
   * @param {import("./answers.js").AnswerBar} bar
   * @param {object} screen
   * @param {() => boolean} screen.isShown false once the reader has left.
   * @param {(events: object[]) => void} screen.showServerLog another device has drawn on this image.
   */
  constructor(app, bar, { isShown, showServerLog }) {
    Object.assign(this, { app, bar, isShown, showServerLog });
    /** Whether an answer or a decision is on its way, or a question about it open. */
    this.isBusy = false;
  }

  /**
   * Gives the answer, or says why it cannot be given yet.
   * @param {"region"|"none"|"cannot"} given
   * @param {{task: object, desk: import("./desk.js").Desk, queue: object, clock: object, forgetPolygon: () => void}} open
   */
  async give(given, open) {
    if (this.isBusy || this.#isMissing(given, open)) return;
    this.bar.say("");
    await this.#alone(open, async () => {
      if (await this.#discardsMarks(given, open)) await this.#submit(given, open);
    });
  }

  /** Brings set-aside strokes back or discards them. @param {"brought_back"|"discarded"} decision */
  async decide(id, decision, open) {
    if (this.isBusy) return;
    const { branches, desk, findings, queue, task } = open;
    await this.#alone(open, async () => {
      await queue.settled();
      const events = await branches.decide(id, decision, desk.events.length);
      if (!this.isShown()) return;
      if (!task.final) desk.replaceEvents(events);
      findings?.refresh();
      this.bar.say(t(`branch.${decision}`));
    });
  }

  /** Until the work ends, nothing is drawn or answered, and the page shows it: what came in between would be lost. */
  async #alone(open, work) {
    const { bar } = this;
    this.isBusy = true;
    bar.setBusy(true);
    open.desk.lock();
    try {
      await work();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#refused(error, open);
    } finally {
      this.isBusy = false;
      bar.setBusy(false);
      if (this.isShown()) open.desk.lock(open.task.final);
    }
  }

  /** Whether something must come before the answer; says what. */
  #isMissing(given, { task, desk, findings }) {
    const missing =
      (task.final && "reading.final") ||
      (desk.isDrawing && "reading.still_drawing") ||
      (given === "region" && !findings && desk.pixels === 0 && "reading.nothing_marked");
    if (missing) {
      this.bar.say(t(missing), "problem");
      return true;
    }
    const open = given === "cannot" ? undefined : findings?.missing;
    if (open !== undefined) findings.choose(open);
    const isUnsure = given !== "cannot" && this.bar.confidence === null;
    if (isUnsure) this.bar.askConfidence();
    return isUnsure;
  }

  /** Asks before an answer without a region discards what is drawn. @returns {Promise<boolean>} false to stop */
  async #discardsMarks(given, { desk }) {
    if (given === "region" || desk.pixels === 0) return true;
    const isSure = await ask({ title: t("aside.title"), text: t("aside.text"), yes: t(`aside.${given}`) });
    if (isSure) desk.clear();
    return isSure;
  }

  async #submit(given, open) {
    const { app } = this;
    if (isOffline() && !(await probe())) return this.bar.say(t("reading.not_sent"), "problem");
    await open.queue.settled();
    const { answer, confidence, mask, more } = this.#content(given, open);
    await submission(app, open, answer, confidence, mask, more);
    open.clock.forget();
    open.forgetPolygon();
    const [progress, next] = await Promise.all([app.api.get("/api/progress"), app.api.get("/api/tasks/next")]);
    app.progress = progress;
    return this.isShown() && this.#goOn(answer, open.task, answer === "region" ? open.desk.mask() : null, next);
  }

  /** What is sent. Of a study that names findings, each has its own confidence and mask. */
  #content(given, { desk, findings, comment }) {
    const more = comment?.text ? { comment: comment.text } : {};
    if (given === "cannot") return { answer: given, confidence: null, mask: null, more };
    if (!findings) {
      const mask = given === "region" ? desk.mask() : null;
      return { answer: given, confidence: this.bar.confidence, mask, more };
    }
    const answer = desk.pixels > 0 ? "region" : "none";
    return { answer, confidence: null, mask: null, more: { ...more, findings: findings.answers } };
  }

  async #goOn(given, read, mask, next) {
    const { go } = this.app;
    if (read.practice)
      await ask({ title: t("feedback.title"), text: coverageText(given, mask), yes: t("button.continue"), no: null });
    const recorded = t("reading.recorded", { number: read.number, answer: t(`recorded.${given}`) });
    if (next.task === null) go.done();
    else if (read.practice && read.version === 0 && !next.practice) go.study();
    else go.reading({ id: next.task, notice: recorded });
  }

  /** Says why the server has not taken what was sent about a task. */
  #refused(error, open) {
    const { app, bar } = this;
    const id = open.task.task;
    const again = { id, confidence: bar.confidence, chosen: chosenIn(open) };
    if (!this.isShown()) return;
    if (error.status === 401) app.signedOut();
    else if (error.code === "out_of_step") {
      if (error.details.events) this.showServerLog(error.details.events); // the queue has shown its own
    } else if (error.code === "conflict") app.go.reading({ ...again, notice: t("sync.conflict") });
    else if (error.code === "no_branch") app.go.reading(again);
    else if (error.code === "final") app.go.reading({ id });
    else if (error.code === "disk_full") bar.say(t("reading.disk_full"), "problem");
    else if (error.isTemporary) bar.say(t("reading.not_sent"), "problem");
    else bar.say(t(error.problem, { message: error.message }), "problem");
  }
}
