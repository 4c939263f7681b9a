import { createHash } from "node:crypto";
import { parseHolder } from "../disk/lock.ts";
import { identity, isDead, probe } from "../disk/process.ts";
import { Failure } from "../failure.ts";
import type { Holder } from "../model/state.ts";
import { isTable } from "../model/value.ts";
import type { Answer, Door } from "../net/door.ts";
import type { Document, Lease, Storage } from "./storage.ts";

/** How a server wants to be asked for the lock: `path` is behind the address of the state. */
export interface LockWords {
  readonly path: string;
  readonly lock: string;
  readonly unlock: string;
}

/** Terraform's own words, or GitLab's where the address is one of its API: /api/v4/projects/ID/terraform/state/NAME. */
export const lockWords = (url: string): LockWords =>
  /\/api\/v4\/projects\/[^/]+\/terraform\/state\/[^/]+$/.test(new URL(url).pathname)
    ? { path: "lock", lock: "POST", unlock: "DELETE" }
    : { path: "", lock: "LOCK", unlock: "UNLOCK" };

const TAKEN = [409, 423];

/**
 * A state behind terraform's HTTP backend protocol: GET and POST of the document, the lock by its id, 423 or 409 with the holder. It
 * cannot append, so every change sends the whole document, and no runs are remembered. `door` is open on the address of the state.
 */
export function httpStorage(door: Door, where: string, words: LockWords = lockWords(where)): Storage {
  const remote = new Remote(door, where, words);
  return {
    where,
    async read(signal) {
      const document = await remote.read(signal);
      return { ...(document === undefined ? {} : { document }), open: [] };
    },
    async lock(me, signal) {
      for (;;) {
        const holder = await remote.lock(me, signal);
        if (holder === undefined) return { lease: leaseOf(remote, me) };
        // The server unlocks by id: whoever else takes the same dead holder's lock over is not hit by this.
        if (!isDead(holder, identity(), probe) || !(await remote.unlock(holder.id, signal))) return { holder };
      }
    },
    async holder(signal) {
      // The protocol has no other question.
      const me = { ...identity(), id: crypto.randomUUID(), operation: "look", since: new Date().toISOString() };
      const holder = await remote.lock(me, signal);
      if (holder === undefined) await remote.unlock(me.id, signal);
      return holder;
    },
    unlock: async (id, signal) => await remote.unlock(id, signal),
    runs: async () => [],
    readRun: async () => undefined,
    versions: async () => undefined,
    readVersion: async () => undefined,
  };
}

function leaseOf(remote: Remote, me: Holder): Lease {
  // A lease outlives the signal of its run: what was done must be written down.
  const { signal } = new AbortController();
  return {
    async write(text, expected) {
      const there = await remote.read(signal);
      if (there?.tag !== expected)
        throw new Failure("state.conflict", `${remote.where} was changed by something else while it was locked`, {
          hint: "run the same command again: it starts from what is there now",
        });
      await remote.write(text, me, signal);
      return tagOf(text);
    },
    async [Symbol.asyncDispose]() {
      await remote.unlock(me.id, signal);
    },
  };
}

const tagOf = (text: string): string => createHash("sha256").update(text).digest("hex");

/** The requests of the protocol. */
class Remote {
  readonly where: string;
  readonly #door: Door;
  readonly #words: LockWords;

  constructor(door: Door, where: string, words: LockWords) {
    this.#door = door;
    this.where = where;
    this.#words = words;
  }

  async read(signal: AbortSignal): Promise<Document | undefined> {
    return await this.#asked(async () => {
      const answer = await this.#door.send("GET", "", { signal, accept: [404] });
      const text = await answer.text();
      return answer.status === 200 && text !== "" ? { text, tag: tagOf(text) } : undefined;
    });
  }

  async write(text: string, me: Holder, signal: AbortSignal): Promise<void> {
    try {
      await this.#asked(async () => {
        const headers = { "content-type": "application/json" };
        const call = { signal, body: text, headers, query: { ID: me.id }, accept: TAKEN, idempotent: true };
        const answer = await this.#door.send("POST", "", call);
        await answer.text();
        if (TAKEN.includes(answer.status))
          throw new Failure("state.lost", `the lock of ${this.where} was taken from this run`, {
            hint: "run the same command again when the other run has ended",
          });
      });
    } catch (error) {
      // It may have arrived all the same: a second try of the same serial is refused by GitLab.
      if (error instanceof Failure && error.code === "state.lost") throw error;
      if ((await this.read(signal).catch(() => undefined))?.text !== text) throw error;
    }
  }

  /** Undefined: it is ours. */
  async lock(me: Holder, signal: AbortSignal): Promise<Holder | undefined> {
    return await this.#asked(async () => {
      const { path, lock } = this.#words;
      const answer = await this.#door.send(lock, path, { signal, json: infoOf(me), accept: TAKEN, idempotent: true });
      const text = await answer.text();
      if (!TAKEN.includes(answer.status)) return undefined;
      const holder = holderOf(text, this.where);
      // The first try had arrived.
      return holder.id === me.id ? undefined : holder;
    });
  }

  async unlock(id: string, signal: AbortSignal): Promise<boolean> {
    return await this.#asked(async () => {
      const { path, unlock } = this.#words;
      // In the address too: GitLab takes a request without an id for one that wants the lock gone whoever holds it.
      const call = { signal, json: { ID: id }, query: { ID: id }, accept: [...TAKEN, 404], idempotent: true };
      const answer: Answer = await this.#door.send(unlock, path, call);
      await answer.text();
      return answer.status < 300;
    });
  }

  async #asked<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Failure) || !/^(backend|net)\./.test(error.code)) throw error;
      const { message, hint, request, retry } = error;
      throw new Failure("state.remote", `the state in ${this.where}: ${message}`, {
        cause: error,
        hint,
        request,
        retry,
      });
    }
  }
}

/** Terraform's lock info. `Info` carries the holder whole, for servers that give back what they were given. */
const infoOf = (me: Holder) => ({
  ID: me.id,
  Operation: me.operation,
  Info: JSON.stringify(me),
  Who: `${me.user}@${me.host}`,
  Version: "images",
  Created: me.since,
  Path: "",
});

/** GitLab answers the id and the user of the holder, and everything else of whoever asks. */
function holderOf(text: string, where: string): Holder {
  let info: unknown;
  try {
    info = JSON.parse(text);
  } catch {
    info = undefined;
  }
  const said = (name: string): string => {
    const value = isTable(info) ? info[name] : undefined;
    return typeof value === "string" ? value : "";
  };
  const id = said("ID");
  if (id === "") throw new Failure("state.lock", `${where} is locked, and the server does not say by whom`);
  const whole = parseHolder(said("Info"));
  if (whole?.id === id) return whole;
  const [user = "", host = ""] = said("Who").split("@");
  return { id, operation: said("Operation"), user, host, pid: 0, since: said("Created") };
}
