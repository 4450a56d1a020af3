/** Submits a task's answer so that retries record it only once, and words the feedback on practice answers. */

import { ApiError } from "./api.js";
import { uuid } from "./drawing.js";
import { partsOf } from "./parts.js";
import { number, t } from "./words.js";

const TRIES = 4;

/**
 * Submits the answer of an open task, whose events the server already has. A retry of the same answer carries the
 * same id, so that it is recorded once.
 * @param {object} app
 * @param {object} open the task, its desk and its clock; remembers the last attempt.
 * @param {"region"|"none"|"cannot"} answer
 * @param {number|null} confidence 1-5, null for "cannot".
 * @param {{size: number[], counts: number[]}|null} mask null unless the answer is "region".
 * @param {{findings?: object[], comment?: string|null}} [more] what the study asks besides.
 * @returns {Promise<void>} resolves when the answer is recorded; rejects with ApiError otherwise.
 */
export async function submission(app, open, answer, confidence, mask, more = {}) {
  const { task, desk, clock, openedAt } = open;
  const content = JSON.stringify([answer, confidence, desk.events.length, more]);
  if (open.tried?.content !== content) {
    const body = {
      id: uuid(),
      base_version: task.version,
      answer,
      confidence,
      num_events: desk.events.length,
      mask,
      opened_at: openedAt,
      submitted_at: new Date().toISOString(),
      active_seconds: clock.seconds(),
      ...more,
    };
    open.tried = { content, body };
  }
  try {
    await app.api.post(`/api/tasks/${encodeURIComponent(task.task)}/submission`, open.tried.body, { tries: TRIES });
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== "already_recorded") throw error;
  }
}

/**
 * The feedback on a practice answer: a fact about the drawing, never about the ground truth.
 * @param {"region"|"none"|"cannot"} answer
 * @param {{size: number[], counts: number[]}|null} mask
 * @returns {string}
 */
export function coverageText(answer, mask) {
  if (answer !== "region") return t(`feedback.${answer}`);
  const { pixels, parts } = partsOf(mask);
  const share = (100 * pixels) / (mask.size[0] * mask.size[1]);
  const percent = share < 0.1 ? `< ${number(0.1, 1)}` : number(share, 1);
  const lines = [t(parts === 1 ? "feedback.region_one" : "feedback.region_many", { percent, parts })];
  if (share < 0.1) lines.push(t("feedback.tiny"));
  else if (share > 40) lines.push(t("feedback.huge"));
  else if (parts > 8) lines.push(t("feedback.scattered"));
  return lines.join("\n");
}
