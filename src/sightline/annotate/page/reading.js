/** The reading screen: one task's image on the desk, its events on their way to the server, and its answer. */

import { openClock } from "./activity.js";
import { answerBar } from "./answers.js";
import { ApiError } from "./api.js";
import { openDesk } from "./desk.js";
import { ask } from "./dialogs.js";
import { button, element } from "./elements.js";
import { coverageText, submission } from "./submission.js";
import { mergeEvents, openQueue } from "./sync.js";
import { t } from "./words.js";

/**
 * @param {object} app
 * @param {object} parameters
 * @param {string|null} [parameters.id] of the task; without it, the first unfinished one.
 * @param {number|null} [parameters.confidence] chosen before the screen was made again.
 * @param {string} [parameters.notice] shown beside the answers, such as what was recorded last.
 */
export function readingScreen(app, { id = null, confidence = null, notice = "" } = {}) {
  let isShown = true;
  let isBusy = false;
  let open = null; // {task, desk, queue, clock, openedAt} once the image has loaded
  const room = element(
    "div",
    { class: "desk-room", id: "desk-room" },
    element("p", { class: "loading", text: t("reading.loading") }),
  );
  const bar = answerBar({ onAnswer: answer, onStep: step });
  const panel = element("div", { class: "panel" }, bar.head, bar.bar, bar.notice);
  const node = element("div", { class: "reading" }, room, panel);
  bar.setBusy(true);
  bar.say(notice);

  function fail(error) {
    if (!isShown) return;
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 401) app.signedOut();
    else if (error.isTemporary) app.go.unreachable();
    else bar.say(t("error.refused", { message: error.message }), "problem");
  }

  async function load() {
    try {
      const name = id ?? (await app.api.get("/api/tasks/next")).task;
      if (!isShown) return;
      if (name === null) return app.go.done();
      // The vault first, then the server's log: an event sent in between is then in at least one of the two.
      const local = await app.vault.unsent(app.session.reader, name);
      const fresh = await app.api.get(`/api/tasks/${encodeURIComponent(name)}`);
      const [image, progress] = await Promise.all([loadImage(fresh), app.progress ?? app.api.get("/api/progress")]);
      app.progress = progress;
      if (isShown) await start(fresh, image, local);
    } catch (error) {
      if (error instanceof ApiError) fail(error);
      else throw error;
    }
  }

  async function start(fresh, image, local) {
    const merged = mergeEvents(fresh.events, local);
    await app.vault.drop(
      app.session.reader,
      fresh.task,
      [...merged.confirmed, ...merged.aside].map((event) => event.id),
    );
    room.replaceChildren();
    const queue = openQueue({
      api: app.api,
      vault: app.vault,
      reader: app.session.reader,
      task: fresh.task,
      pending: merged.pending,
      onState: bar.setSaved,
      onOutOfStep: showServerLog,
      onSignedOut: app.signedOut,
    });
    const desk = openDesk(room, {
      image,
      width: fresh.width,
      height: fresh.height,
      events: merged.events,
      t,
      onEvent(event) {
        queue.add(event);
        bar.settle();
      },
      onMessage: app.announce,
    });
    open = { task: fresh, desk, queue, clock: openClock(fresh.task), openedAt: new Date().toISOString() };
    window.addEventListener("keydown", bar.onKey);
    bar.fill({ task: fresh, progress: app.progress, hasNext: Boolean(neighbour(1)) });
    bar.setConfidence(confidence ?? fresh.confidence);
    if (fresh.final) desk.lock();
    bar.setBusy(false);
    if (merged.aside.length > 0) bar.say(t("sync.aside"), "problem");
    else if (fresh.final) bar.say(t("reading.final"));
    else if (fresh.version > 0 && !notice) bar.say(t("reading.correcting", { answer: t(`recorded.${fresh.answer}`) }));
    document.title = `${t("reading.title", { number: fresh.number, total: fresh.total })} · Sightline`;
    app.announce([notice, t("reading.title", { number: fresh.number, total: fresh.total })].filter(Boolean).join(" "));
  }

  /** Another device has drawn on this image: its log replaces what is shown. */
  function showServerLog(events) {
    if (!open) return;
    open.desk.replaceEvents(events);
    bar.say(t("sync.overtaken"), "problem");
  }

  async function answer(given) {
    if (isBusy || !open) return;
    const { desk, task: read } = open;
    if (read.final) return bar.say(t("reading.final"), "problem");
    if (desk.isDrawing()) return bar.say(t("reading.still_drawing"), "problem");
    if (given === "region" && desk.pixels() === 0) return bar.say(t("reading.nothing_marked"), "problem");
    if (given !== "cannot" && bar.confidence() === null) return bar.askConfidence();
    isBusy = true;
    bar.setBusy(true);
    bar.say("");
    try {
      if (given !== "region" && desk.pixels() > 0) {
        const question = { title: t("aside.title"), text: t("aside.text"), yes: t(`aside.${given}`) };
        if (!(await ask(question))) return;
        desk.clear();
      }
      await submit(given, read);
    } catch (error) {
      if (error instanceof ApiError) refused(error);
      else throw error;
    } finally {
      isBusy = false;
      bar.setBusy(false);
    }
  }

  async function submit(given, read) {
    const { desk, queue, clock } = open;
    const mask = given === "region" ? desk.mask() : null;
    await queue.settled();
    await submission(app, open, given, given === "cannot" ? null : bar.confidence(), mask);
    clock.forget();
    const [progress, next] = await Promise.all([app.api.get("/api/progress"), app.api.get("/api/tasks/next")]);
    app.progress = progress;
    if (!isShown) return;
    if (read.practice)
      await ask({ title: t("feedback.title"), text: coverageText(given, mask), yes: t("button.continue"), no: null });
    const recorded = t("reading.recorded", { number: read.number, answer: t(`recorded.${given}`) });
    if (next.task === null) app.go.done();
    else if (read.practice && read.version === 0 && !next.practice) app.go.study();
    else app.go.reading({ id: next.task, notice: recorded });
  }

  function refused(error) {
    if (!isShown) return;
    if (error.status === 401) app.signedOut();
    else if (error.code === "out_of_step") {
      if (error.details.events) showServerLog(error.details.events); // the queue's callback does the same
    } else if (error.code === "conflict") app.go.reading({ id: open.task.task, notice: t("sync.conflict") });
    else if (error.code === "final") app.go.reading({ id: open.task.task });
    else if (error.code === "disk_full") bar.say(t("reading.disk_full"), "problem");
    else if (error.isTemporary) bar.say(t("reading.not_sent"), "problem");
    else bar.say(t("error.refused", { message: error.message }), "problem");
  }

  /** The task before or after this one in the reader's order, undefined if there is none or it is not yet open. */
  function neighbour(direction) {
    const first = app.progress.tasks.findIndex((task) => !task.done);
    const last = first === -1 ? app.progress.tasks.length - 1 : first;
    const at = app.progress.tasks.findIndex(({ task }) => task === open.task.task) + direction;
    return at <= last ? app.progress.tasks[at] : undefined;
  }

  async function step(direction) {
    const task = !isBusy && open ? neighbour(direction) : undefined;
    if (task) app.go.reading({ id: task.task });
  }

  async function loadImage({ image: address }) {
    const image = new Image();
    image.src = address;
    try {
      await image.decode();
    } catch {
      const retry = button(t("button.retry"), () => app.go.reading({ id }), { class: "primary", id: "retry" });
      const list = button(t("menu.images"), () => app.go.images());
      const failure = element("p", { role: "alert", text: t("reading.image_failed") });
      room.replaceChildren(element("div", { class: "failed" }, failure, retry, list));
      return new Promise(() => {}); // never resolves: one of the two buttons opens another screen
    }
    return image;
  }

  load();
  return {
    name: "reading",
    title: t("reading.name"),
    content: [node],
    keep: () => ({ id: open?.task.task ?? id, confidence: bar.confidence(), notice: "" }),
    close() {
      isShown = false;
      window.removeEventListener("keydown", bar.onKey);
      open?.queue.close();
      open?.clock.close();
      open?.desk.close();
    },
  };
}
