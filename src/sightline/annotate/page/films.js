// The films of the reader's tasks: fetched in time, kept in memory only, and made ready to be shown. The open film and
// the next ones stay as they were sent; all others are released.

/** A film could not be fetched; `status` is that of the server's answer, 0 if there was none. */
export class FilmError extends Error {
  constructor(status, message) {
    super(message);
    this.name = "FilmError";
    this.status = status;
  }
}

/** @type {Map<string, {sent: Promise<object>, stop: AbortController, made: Promise<object> | null}>} by address */
const kept = new Map();
const asked = []; // {resolve, reject, facts} of the films that the worker makes ready
let theWorker = null;
let round = 0; // of calls of `keepFilms`: only the last one goes on fetching

/**
 * Fetches a film, unless it is here already, and makes it ready to be shown.
 * @param {string} address
 * @returns {Promise<import("./xray.js").Film>} throws FilmError
 */
export async function openFilm(address) {
  const film = fetched(address);
  try {
    return await ready(film);
  } catch (error) {
    kept.delete(address); // another try fetches it again
    throw error;
  } finally {
    film.made = null; // it belongs to the screen now
  }
}

/**
 * Releases all films but these, fetches those that are missing, one after the other, and makes the first of them ready.
 * @param {string} open address of the film that is shown @param {string[]} next those that will be needed next
 * @returns {Promise<void>} resolves when all are there, or one could not be fetched
 */
export async function keepFilms(open, next) {
  round += 1;
  const mine = round;
  for (const [address, { stop }] of kept) {
    if (address === open || next.includes(address)) continue;
    stop.abort();
    kept.delete(address);
  }
  for (const address of next) {
    if (mine !== round) return;
    try {
      const film = fetched(address);
      await (address === next[0] ? ready(film) : film.sent);
    } catch (error) {
      if (!(error instanceof FilmError)) throw error;
      return; // it is tried again when it is opened
    }
  }
}

/** Releases all films, as at the end of a session. */
export function dropFilms() {
  round += 1;
  for (const { stop } of kept.values()) stop.abort();
  kept.clear();
}

/**
 * The films that will be needed next: of the first two tasks without an answer, this one left out.
 * @param {string} task that is open @param {{task: string, done: boolean}[]} tasks in the reader's order
 * @returns {string[]} addresses
 */
export function filmsAfter(task, tasks) {
  const waiting = tasks.filter((one) => !one.done && one.task !== task);
  return waiting.slice(0, 2).map((one) => `/api/tasks/${encodeURIComponent(one.task)}/image`);
}

function fetched(address) {
  const here = kept.get(address);
  if (here) return here;
  const stop = new AbortController();
  const film = { sent: sentFilm(address, stop.signal), stop, made: null };
  kept.set(address, film);
  film.sent.catch(() => kept.get(address) === film && kept.delete(address));
  return film;
}

function ready(film) {
  film.made ??= film.sent.then(madeReady);
  return film.made;
}

async function sentFilm(address, signal) {
  try {
    const answer = await fetch(address, { credentials: "same-origin", cache: "no-store", signal });
    if (!answer.ok) throw new FilmError(answer.status, `HTTP ${answer.status}`);
    const type = answer.headers.get("content-type");
    return { content: await answer.arrayBuffer(), type, facts: JSON.parse(answer.headers.get("x-film")) };
  } catch (error) {
    if (error instanceof FilmError) throw error;
    throw new FilmError(0, `${error.name}: ${error.message}`);
  }
}

function madeReady(sent) {
  return new Promise((resolve, reject) => {
    const worker = startedWorker();
    asked.push({ resolve, reject, facts: sent.facts });
    worker.postMessage(sent);
  });
}

/** One worker for all films, started with the first: without a connection, it could not be loaded. */
function startedWorker() {
  if (theWorker) return theWorker;
  const worker = new Worker("/page/film_worker.js", { type: "module" });
  worker.addEventListener("message", ({ data: { failure, ...made } }) => {
    const { resolve, reject, facts } = asked.shift(); // it answers in order
    if (failure) reject(new FilmError(0, failure));
    else resolve({ steps: null, bitmap: null, gray: null, ...facts, ...made });
  });
  worker.addEventListener("error", (event) => {
    theWorker = null; // another try starts another one
    for (const { reject } of asked.splice(0)) reject(new FilmError(0, event.message || "no worker"));
  });
  theWorker = worker;
  return worker;
}
