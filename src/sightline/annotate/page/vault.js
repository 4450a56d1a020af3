/** Events that the server has not confirmed yet, kept on this device: in IndexedDB, or else in memory. */

const DATABASE = "sightline";
const STORE = "events";

/**
 * @typedef {object} Vault
 * @property {boolean} durable whether it outlives the page; false: in memory only.
 * @property {(reader: string, task: string, event: object) => Promise<void>} keep
 * @property {(reader: string, task: string) => Promise<object[]>} unsent events by ascending seq.
 * @property {(reader: string, task: string, ids: string[]) => Promise<void>} drop forgets events by id.
 * @property {(reader: string) => Promise<void>} forget all events of a reader.
 */

/**
 * Opens the device's vault.
 * @returns {Promise<Vault>} in memory if the browser refuses IndexedDB (private windows, blocked storage).
 */
export async function openVault() {
  try {
    return vaultOnDisk(await openDatabase());
  } catch (error) {
    console.info("IndexedDB is not available, unsent strokes are kept in memory:", error?.message);
    return vaultInMemory();
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

function vaultOnDisk(database) {
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
  const below = (...prefix) => IDBKeyRange.bound(prefix, [...prefix, []]); // an array sorts after every string
  return {
    durable: true,
    async keep(reader, task, event) {
      await transact("readwrite", (store) => store.put({ reader, task, id: event.id, event }));
    },
    async unsent(reader, task) {
      const rows = await transact("readonly", (store) => store.getAll(below(reader, task)));
      return inOrder(rows.map((row) => row.event));
    },
    async drop(reader, task, ids) {
      await transact("readwrite", (store) => {
        for (const id of ids) store.delete([reader, task, id]);
      });
    },
    async forget(reader) {
      await transact("readwrite", (store) => store.delete(below(reader)));
    },
  };
}

function vaultInMemory() {
  const rows = new Map();
  const place = (reader, task) => JSON.stringify([reader, task]);
  return {
    durable: false,
    async keep(reader, task, event) {
      const kept = rows.get(place(reader, task)) ?? new Map();
      rows.set(place(reader, task), kept.set(event.id, event));
    },
    async unsent(reader, task) {
      return inOrder([...(rows.get(place(reader, task))?.values() ?? [])]);
    },
    async drop(reader, task, ids) {
      for (const id of ids) rows.get(place(reader, task))?.delete(id);
    },
    async forget(reader) {
      for (const key of [...rows.keys()]) if (JSON.parse(key)[0] === reader) rows.delete(key);
    },
  };
}

function inOrder(events) {
  return events.sort((a, b) => a.seq - b.seq || a.at.localeCompare(b.at));
}
