/** What the server does not have yet, kept on this device: in IndexedDB, or else in memory. Events that are to continue
 *  their task's log; events that another device's drawing has overtaken, as branches; an open polygon of each task. */

const DATABASE = "sightline";
const STORE = "events";
const POLYGON = "polygon"; // in place of an event's id, which is longer

/**
 * @typedef {object} Vault
 * @property {boolean} durable whether it outlives the page; false: in memory only.
 * @property {(reader: string, task: string, event: object) => Promise<void>} keep
 * @property {(reader: string, task: string) => Promise<object[]>} unsent events by ascending seq, less those set aside.
 * @property {(reader: string) => Promise<string[]>} unsentTasks tasks with such events.
 * @property {(reader: string, task: string, events: object[], branch: string) => Promise<void>} setAside keeps events
 *   as a branch of this id.
 * @property {(reader: string) => Promise<{task: string, id: string, events: object[]}[]>} aside all branches.
 * @property {(reader: string, task: string, ids: string[]) => Promise<void>} drop forgets events by id.
 * @property {(reader: string, task: string, polygon: object|null) => Promise<void>} keepPolygon in place of the last
 *   one; null forgets it.
 * @property {(reader: string, task: string) => Promise<object|null>} polygon that is open.
 * @property {(reader: string) => Promise<void>} forget all that is a reader's.
 */

/**
 * Opens the device's vault.
 * @returns {Promise<Vault>} in memory if the browser refuses IndexedDB (private windows, blocked storage).
 */
export async function openVault() {
  try {
    return vaultOf(rowsOnDisk(await openDatabase()), true);
  } catch (error) {
    console.info("IndexedDB is not available, unsent strokes are kept in memory:", error?.message);
    return vaultOf(rowsInMemory(), false);
  }
}

function openDatabase() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: ["reader", "task", "id"] });
    request.onsuccess = () => {
      request.result.onversionchange = () => request.result.close();
      resolve(request.result);
    };
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("blocked by another tab"));
  });
}

/** @param {{put, all, remove, forget}} rows by reader, task and id @param {boolean} durable @returns {Vault} */
function vaultOf(rows, durable) {
  const keep = (reader, task, events, more = {}) =>
    rows.put(events.map((event) => ({ reader, task, id: event.id, event, ...more })));
  return {
    durable,
    keep: (reader, task, event) => keep(reader, task, [event]),
    async unsent(reader, task) {
      const kept = await rows.all(reader, task);
      return inOrder(kept.filter((row) => row.event && !row.branch).map((row) => row.event));
    },
    async unsentTasks(reader) {
      const kept = await rows.all(reader);
      return [...new Set(kept.filter((row) => row.event && !row.branch).map((row) => row.task))];
    },
    setAside: (reader, task, events, branch) => keep(reader, task, events, { branch }),
    async aside(reader) {
      const branches = new Map();
      for (const { task, branch: id, event } of await rows.all(reader)) {
        const place = JSON.stringify([task, id]);
        if (id && !branches.has(place)) branches.set(place, { task, id, events: [] });
        if (id) branches.get(place).events.push(event);
      }
      return [...branches.values()].map((branch) => ({ ...branch, events: inOrder(branch.events) }));
    },
    keepPolygon: (reader, task, polygon) =>
      polygon ? rows.put([{ reader, task, id: POLYGON, polygon }]) : rows.remove(reader, task, [POLYGON]),
    async polygon(reader, task) {
      return (await rows.all(reader, task)).find((row) => row.id === POLYGON)?.polygon ?? null;
    },
    drop: (reader, task, ids) => rows.remove(reader, task, ids),
    forget: (reader) => rows.forget(reader),
  };
}

function rowsOnDisk(database) {
  /** Runs `work` on the store and waits until it is on disk; resolves to the result of its request. */
  function transact(mode, work) {
    return new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode, { durability: "strict" });
      const request = work(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request?.result);
      transaction.onabort = () => reject(transaction.error);
      transaction.onerror = () => reject(transaction.error);
    });
  }
  const below = (prefix) => IDBKeyRange.bound(prefix, [...prefix, []]); // an array sorts after every string
  return {
    async put(rows) {
      await transact("readwrite", (store) => {
        for (const row of rows) store.put(row);
      });
    },
    all: (...prefix) => transact("readonly", (store) => store.getAll(below(prefix))),
    async remove(reader, task, ids) {
      await transact("readwrite", (store) => {
        for (const id of ids) store.delete([reader, task, id]);
      });
    },
    async forget(reader) {
      await transact("readwrite", (store) => store.delete(below([reader])));
    },
  };
}

function rowsInMemory() {
  const kept = new Map();
  const key = (...parts) => JSON.stringify(parts);
  const all = (reader, task) =>
    [...kept.values()].filter((row) => row.reader === reader && (task === undefined || row.task === task));
  return {
    async put(rows) {
      for (const row of rows) kept.set(key(row.reader, row.task, row.id), row);
    },
    all: async (reader, task) => all(reader, task),
    async remove(reader, task, ids) {
      for (const id of ids) kept.delete(key(reader, task, id));
    },
    async forget(reader) {
      for (const row of all(reader)) kept.delete(key(row.reader, row.task, row.id));
    },
  };
}

function inOrder(events) {
  return events.sort((a, b) => a.seq - b.seq || a.at.localeCompare(b.at));
}
