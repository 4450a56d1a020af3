/** The reading screen: one task's image on the desk, its events on their way to the server, and its answer. */

import { openClock } from "./activity.js";
import { Answering, chosenIn } from "./answering.js";
import { AnswerBar } from "./answers.js";
import { ApiError } from "./api.js";
import { BranchNotice } from "./branch_notice.js";
import { Branches } from "./branches.js";
import { isOffline, onConnection } from "./connection.js";
import { Comment } from "./comment.js";
import { Companion } from "./companion.js";
import { Desk } from "./desk.js";
import { button, element } from "./elements.js";
import { FilmError, filmsAfter, keepFilms, openFilm } from "./films.js";
import { Findings } from "./findings.js";
import { mergeEvents, Queue } from "./sync.js";
import { t } from "./words.js";

/**
 * @param {object} app
 * @param {object} parameters
 * @param {string|null} [parameters.id] of the task; without it, the first unfinished one.
 * @param {number|null} [parameters.confidence] chosen before the screen was made again.
 * @param {{given: object[], comment: string|null}|null} [parameters.chosen] besides, in place of what the server has.
 * @param {string} [parameters.notice] shown beside the answers, such as what was recorded last.
 * @param {object|null} [parameters.carried] what the same screen had open before the language changed: see `keep`.
 * @returns {import("./screens.js").Screen}
 */
export function readingScreen(app, parameters) {
  return new Reading(app, parameters);
}

class Reading {
  #app;
  #id;
  #confidence;
  #chosen;
  #notice;
  #room;
  #bar;
  #answering;
  #carried;
  #isShown = true;
  #stopListening;
  #open = null; // {task, desk, queue, clock, openedAt} once the image has loaded

  constructor(app, { id = null, confidence = null, chosen = null, notice = "", carried = null } = {}) {
    this.#app = app;
    this.#id = id;
    this.#confidence = confidence;
    this.#chosen = chosen;
    this.#notice = notice;
    this.#carried = carried;
    this.name = "reading";
    this.title = t("reading.name");
    const loading = element("p", { class: "loading", text: t("reading.loading") });
    this.#room = element("div", { class: "desk-room", id: "desk-room" }, loading);
    this.#bar = new AnswerBar({
      onAnswer: (given) => this.#open && this.#answering.give(given, this.#open),
      onStep: (direction) => this.#step(direction),
    });
    this.#answering = new Answering(app, this.#bar, {
      isShown: () => this.#isShown,
      showServerLog: (events) => this.#showServerLog(events),
    });
    const panel = element("div", { class: "panel" }, this.#bar.head, this.#bar.bar, this.#bar.notice);
    this.content = [element("div", { class: "reading" }, this.#room, panel)];
    this.#bar.setBusy(true);
    this.#bar.say(notice);
    this.#stopListening = onConnection((isUp) => this.#onConnection(isUp));
    this.#load();
  }

  /** What is open moves to the screen in the other language as it is: without a connection, it could not be loaded. */
  keep() {
    const kept = { id: this.#id, confidence: this.#confidence, chosen: this.#chosen, carried: this.#carried, notice: "" };
    if (!this.#open) return kept;
    const { task, desk, queue, branches } = this.#open;
    const { events } = desk;
    const local = queue.pending;
    const chosen = chosenIn(this.#open);
    const saved = { ...task, ...chosen, branches: branches.waiting, events: events.slice(0, events.length - local.length) };
    const carried = { task: saved, local }; // the film is still in memory: see films.js
    return { ...kept, id: task.task, confidence: this.#bar.confidence, chosen: null, carried };
  }

  close() {
    this.#isShown = false;
    this.#stopListening();
    window.removeEventListener("keydown", this.#bar.onKey);
    this.#open?.queue.close();
    this.#open?.branches.close();
    this.#open?.clock.close();
    this.#open?.companion?.close();
    this.#open?.desk.close();
  }

  async #load() {
    const app = this.#app;
    try {
      if (this.#carried) {
        const { task, local } = this.#carried;
        return await this.#start(task, await this.#film(task), local);
      }
      if (isOffline()) this.#onConnection(false);
      const id = this.#id ?? (await app.api.get("/api/tasks/next")).task;
      if (!this.#isShown) return;
      if (id === null) return app.go.done();
      // The vault first, then the server's log: an event sent in between is then in at least one of the two.
      const local = await app.vault.unsent(app.session.reader, id);
      const task = await app.api.get(`/api/tasks/${encodeURIComponent(id)}`);
      const [film, progress] = await Promise.all([this.#film(task), app.progress ?? app.api.get("/api/progress")]);
      app.progress = progress;
      return this.#isShown && (await this.#start(task, film, local));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return this.#failed(error);
    }
  }

  /** The connection comes or goes: what is saved says so, and an image that is still to come is asked for again. */
  #onConnection(isUp) {
    this.#bar.showSaved();
    if (this.#open) return;
    if (isUp) this.#app.go.reading({ ...this.keep(), notice: this.#notice });
    else this.#room.replaceChildren(element("p", { class: "loading", role: "alert", text: t("reading.offline") }));
  }

  #failed(error) {
    if (!this.#isShown) return;
    if (error.status === 401) this.#app.signedOut();
    else if (isOffline()) this.#onConnection(false);
    else if (error.isTemporary) this.#app.go.unreachable();
    else this.#bar.say(t(error.problem, { message: error.message }), "problem");
  }

  async #film({ image: address }) {
    try {
      return await openFilm(address);
    } catch (error) {
      if (!(error instanceof FilmError)) throw error;
      if (error.status === 401 && this.#isShown) this.#app.signedOut();
      const again = () => this.#app.go.reading(this.keep());
      const retry = button(t("button.retry"), again, { class: "primary", id: "retry" });
      const list = button(t("menu.images"), () => this.#app.go.images());
      const failure = element("p", { role: "alert", text: t("reading.image_failed") });
      this.#room.replaceChildren(element("div", { class: "failed" }, failure, retry, list));
      return new Promise(() => {}); // never resolves: one of the two buttons opens another screen
    }
  }

  async #start(sent, film, local) {
    const task = sent.final ? sent : { ...sent, ...this.#chosen };
    const { api, session, signedOut, vault } = this.#app;
    const bar = this.#bar;
    const merged = mergeEvents(task.events, local, task.final);
    const confirmed = merged.confirmed.map((event) => event.id);
    await vault.drop(session.reader, task.task, confirmed);
    const polygon = await vault.polygon(session.reader, task.task);
    if (!this.#isShown) return;
    const whose = { api, vault, reader: session.reader, task: task.task, onSignedOut: signedOut };
    const branches = this.#openBranches(task, whose);
    branches.setAside(merged.aside);
    branches.setAsideOthers(this.#app.progress.tasks);
    const queue = new Queue({
      ...whose,
      pending: merged.pending,
      onState: (state) => bar.setSaved(state),
      onOutOfStep: (events, overtaken) => {
        if (this.#isShown) this.#showServerLog(events);
        return branches.setAside(overtaken);
      },
    });
    const desk = this.#openDesk(task, film, merged.events, queue);
    const forgetPolygon = () => this.#keepPolygon(task.task, null);
    const opened = { clock: openClock(task.task), openedAt: new Date().toISOString() };
    this.#open = { task, desk, queue, branches, forgetPolygon, ...opened };
    window.addEventListener("keydown", bar.onKey);
    bar.fill({ task, progress: this.#app.progress, hasNext: Boolean(this.#neighbour(1)) });
    bar.confidence = this.#confidence ?? task.confidence;
    if (task.final) desk.lock();
    if (task.others) desk.showOthers(task.others);
    bar.setBusy(false);
    keepFilms(task.image, filmsAfter(task.task, this.#app.progress.tasks));
    this.#askMore(task, desk); // after keepFilms, which releases all films but those that it names
    if (polygon && !task.final) this.#reopen(polygon);
    this.#greet(task, merged.aside.length > 0);
  }

  /** What was set aside, on this device or another, and the reader's decision about it. */
  #openBranches(task, whose) {
    const hooks = {
      onShow: (strokes) => this.#open?.desk.showBranch(strokes),
      onDecide: (id, decision) => this.#open && this.#answering.decide(id, decision, this.#open),
    };
    const notice = new BranchNotice(hooks, task.final);
    this.#bar.bar.prepend(notice.node);
    notice.fill(task.branches);
    const onChange = (waiting, name) => {
      const place = this.#app.progress.tasks.find((one) => one.task === name);
      if (place) place.set_aside = waiting.length; // for the list of images
      if (name !== task.task) return;
      if (this.#open) this.#open.desk.pointers.whenFree(() => notice.fill(waiting));
      else notice.fill(waiting);
    };
    return new Branches({ ...whose, waiting: task.branches, onChange });
  }

  /** A polygon that was open when the reader last left this image. */
  #reopen(polygon) {
    const { desk, findings } = this.#open;
    if (findings) findings.choose(polygon.finding);
    desk.reopenPolygon(polygon);
  }

  /** The device keeps an open polygon; the server gets it once it is closed. */
  async #keepPolygon(task, polygon) {
    try {
      await this.#app.vault.keepPolygon(this.#app.session.reader, task, polygon);
    } catch (error) {
      console.warn("this device could not store the open polygon; it lasts until the page is left:", error);
    }
  }

  /** The list of findings, the comment and the film beside the image, where the study has them. */
  #askMore(task, desk) {
    const findings = task.findings.length ? new Findings(task, desk, this.#bar) : null;
    const comment = task.asks_comment ? new Comment(task.comment) : null;
    const companion = task.companion ? new Companion(desk, task.companion, t) : null;
    Object.assign(this.#open, { findings, comment, companion });
    this.#bar.askMore(
      [findings, comment].filter(Boolean).map(({ node }) => node),
      findings !== null,
    );
  }

  #openDesk({ task, width, height, findings }, film, events, queue) {
    this.#room.replaceChildren();
    return new Desk(this.#room, {
      name: task,
      film,
      width,
      height,
      events,
      findings,
      t,
      onEvent: (event) => {
        queue.add(event);
        this.#open.findings?.refresh();
        this.#bar.settle();
      },
      onPolygon: (polygon) => this.#keepPolygon(task, polygon),
      onMessage: this.#app.announce,
    });
  }

  /** Says which image this is, and what is special about it. */
  #greet(task, hasAside) {
    const bar = this.#bar;
    if (hasAside) bar.say(t("sync.aside"), "problem");
    else if (task.final) bar.say(t("reading.final"));
    else if (task.version > 0 && !this.#notice)
      bar.say(t("reading.correcting", { answer: t(`recorded.${task.answer}`) }));
    else if (task.others && !this.#notice) bar.say(t("reading.others"));
    const title = t("reading.title", { number: task.number, total: task.total });
    document.title = `${title} · Sightline`;
    this.#app.announce([this.#notice, title].filter(Boolean).join(" "));
  }

  /** Another device has drawn on this image: its log replaces what is shown. */
  #showServerLog(events) {
    if (!this.#open) return;
    this.#open.desk.replaceEvents(events);
    this.#open.findings?.refresh();
    this.#bar.say(t("sync.overtaken"), "problem");
  }

  /** The task before or after this one in the reader's order, undefined if there is none or it is not yet open. */
  #neighbour(direction) {
    const { tasks } = this.#app.progress;
    const first = tasks.findIndex((task) => !task.done);
    const last = first === -1 ? tasks.length - 1 : first;
    const at = tasks.findIndex(({ task }) => task === this.#open.task.task) + direction;
    return at <= last ? tasks[at] : undefined;
  }

  #step(direction) {
    const task = !this.#answering.isBusy && this.#open ? this.#neighbour(direction) : undefined;
    if (task) this.#app.go.reading({ id: task.task });
  }
}
