/** Requests to the server: JSON both ways, the CSRF token, one type of error, and retries. */

import { met } from "./connection.js";
import { has } from "./words.js";

const TIMEOUT_MS = 20000;
const FILE_MS = 1800000; // a large study's export or backup, on a slow line
const FIRST_WAIT_MS = 400;

/** A failed request: refused by the server, or never answered. */
export class ApiError extends Error {
  /**
   * @param {number} status HTTP status; 0 if there was no answer.
   * @param {string} code the server's error code; "offline" if there was no answer.
   * @param {string} message an English sentence.
   * @param {object} details further fields of the server's answer.
   */
  constructor(status, code, message, details = {}) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.details = details;
  }

  /** Whether the same request may succeed later: no answer, a restarting server, or too many requests. */
  get isTemporary() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }

  /** Key of the words that say what went wrong; {message}, the server's English, stands in them only for a code without
   *  words of its own. */
  get problem() {
    if (has(`error.${this.code}`)) return `error.${this.code}`;
    return this.isTemporary ? "error.offline" : "error.unknown";
  }
}

function requestOf(method, body, csrf, limit) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (csrf && method !== "GET") headers["X-CSRF-Token"] = csrf;
  const text = body === undefined ? undefined : JSON.stringify(body);
  return { method, headers, body: text, credentials: "same-origin", signal: AbortSignal.timeout(limit) };
}

/**
 * A client for one reader's page (or the admin's). The CSRF token is kept in memory only.
 * @param {string} sessionPath from which the session is fetched again when its CSRF token has changed.
 * @param {(error: ApiError) => void} onRefused called with each refusal, before the caller gets it.
 * @returns {{get, post, put, remove, keepalive, adopt}}
 */
export function openApi(sessionPath = "/api/session", onRefused = () => {}) {
  let csrf = null;
  let reader = null;

  function adopt(session) {
    csrf = session.csrf;
    reader = session.reader ?? null;
    return session;
  }

  async function once(method, path, body, read = readJson, limit = TIMEOUT_MS) {
    let answer;
    try {
      answer = await fetch(path, requestOf(method, body, csrf, limit));
    } catch (cause) {
      met(null);
      throw new ApiError(0, "offline", `no answer from the server (${cause.name})`);
    }
    met(answer);
    try {
      return await read(answer);
    } catch (error) {
      if (error instanceof ApiError) onRefused(error);
      if (error instanceof DOMException) throw new ApiError(0, "offline", `the answer broke off (${error.name})`);
      throw error;
    }
  }

  async function send(method, path, body, tries) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await once(method, path, body);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (error.status === 403 && method !== "GET" && attempt === 1 && (await sameReaderAgain())) continue;
        if (!error.isTemporary || attempt >= tries) throw error;
        await pause(FIRST_WAIT_MS * 2 ** (attempt - 1) * (0.75 + Math.random() / 2));
      }
    }
  }

  // Another tab may have opened a new session: the token has then changed, and perhaps the reader, who must not inherit
  // this tab's strokes.
  async function sameReaderAgain() {
    const session = await once("GET", sessionPath);
    if (reader !== null && session.reader !== reader) {
      throw new ApiError(401, "no_session", "another reader's session is open in this browser");
    }
    const changed = session.csrf !== csrf;
    csrf = session.csrf;
    return changed;
  }

  return {
    adopt,
    get: (path, { tries = 3 } = {}) => send("GET", path, undefined, tries),
    post: (path, body, { tries = 1 } = {}) => send("POST", path, body, tries),
    put: (path, body, { tries = 3 } = {}) => send("PUT", path, body, tries),
    remove: (path, { tries = 2 } = {}) => send("DELETE", path, undefined, tries),
    /** Posts for a file: its bytes and the name that the server gives it. */
    download: (path) => once("POST", path, undefined, readFile, FILE_MS),
    /** Sends while the page closes. The answer is not awaited, so send only what may safely be sent again. */
    keepalive(path, body) {
      const text = JSON.stringify(body);
      if (text.length > 60000) return; // browsers refuse more; the vault still has the events
      const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrf };
      fetch(path, { method: "POST", headers, body: text, credentials: "same-origin", keepalive: true }).catch((error) =>
        console.info("not sent while leaving, kept on this device:", error.message),
      );
    },
  };
}

async function readJson(answer) {
  if (answer.status === 204) return null;
  const text = await answer.text();
  let content = null;
  try {
    content = text ? JSON.parse(text) : null;
  } catch {
    content = null; // a proxy's error page: the status says enough
  }
  if (answer.ok) {
    if (content === null) throw new ApiError(502, "not_json", "the server's answer was not JSON");
    return content;
  }
  const detail = content?.detail;
  if (detail && typeof detail === "object" && !Array.isArray(detail)) {
    throw new ApiError(answer.status, detail.code ?? "refused", detail.message ?? "refused", detail);
  }
  throw new ApiError(answer.status, "refused", `HTTP ${answer.status}`, { detail });
}

async function readFile(answer) {
  if (!answer.ok) return readJson(answer);
  const name = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition") ?? "")?.[1] ?? "sightline";
  return { bytes: await answer.blob(), name };
}

/**
 * @param {number} milliseconds
 * @returns {Promise<void>} resolves after that time.
 */
export function pause(milliseconds) {
  return new Promise((done) => setTimeout(done, milliseconds));
}
