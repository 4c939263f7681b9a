import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { identity, isDead, probe } from "../../disk/process.ts";
import { Failure } from "../../failure.ts";
import type { HttpLock } from "../../model/declaration.ts";
import type { Holder } from "../../model/state.ts";
import type { Answer, HttpClient } from "../../net/client.ts";
import { textOf } from "../answers.ts";
import { smaller } from "../pieces.ts";
import { PEEK, REMOTE_PAUSE, type StateLock, type Storage, type TextDocument } from "../storage.ts";
import { timeOf } from "../versions.ts";
import { type Archive, linesOf, listed, pack, unpack, versionIn, withRun, withVersion } from "./archive.ts";
import { holderOf, infoOf } from "./holder.ts";

/** How a server wants to be asked: paths are behind the address of the state, or whole addresses. */
interface HttpWords {
  readonly lockAt: string;
  readonly lock: string;
  readonly unlockAt: string;
  readonly unlock: string;
  readonly update: string;
  /** False: the server has no locks, and the file says that it need not. */
  readonly isLocked: boolean;
}

/**
 * Terraform's own words, or GitLab's where the address is one of its API (/api/v4/projects/ID/terraform/state/NAME), with what the
 * settings say otherwise.
 */
export function httpWords(url: string, own: HttpLock = {}): HttpWords {
  const isGitLab = /\/api\/v4\/projects\/[^/]+\/terraform\/state\/[^/]+$/.test(new URL(url).pathname);
  const lockAt = own.lockAddress ?? (isGitLab ? "lock" : "");
  return {
    lockAt,
    lock: own.lockMethod ?? (isGitLab ? "POST" : "LOCK"),
    unlockAt: own.unlockAddress ?? own.lockAddress ?? lockAt,
    unlock: own.unlockMethod ?? (isGitLab ? "DELETE" : "UNLOCK"),
    update: own.updateMethod ?? "POST",
    isLocked: own.lock ?? true,
  };
}

const TAKEN = [409, 423];
/** Answers of a server that knows no locks there. */
const LOCKLESS = [404, 405, 501];

/**
 * A state behind terraform's HTTP backend protocol: GET and POST of the document, the lock by its id, 423 or 409 with the holder. It
 * cannot append, so every change sends the whole document, with former documents and the last runs in it. `client` is open on the address
 * of the state.
 */
export function httpStorage(http: HttpClient, where: string, words: HttpWords = httpWords(where)): Storage {
  const remote = new Remote(http, where, words);
  return {
    where,
    canPeek: words.isLocked,
    pause: REMOTE_PAUSE,
    async read(signal) {
      const found = await remote.read(signal);
      if (found === undefined) return { open: [] };
      return { document: await smaller({ text: found.text, tag: found.tag }), open: [] };
    },
    async lock(me, signal) {
      if (!words.isLocked) return { lease: leaseOf(remote, me, false) };
      for (let turn = 0; ; turn++) {
        const holder = await remote.lock(me, signal);
        if (holder === undefined) return { lease: leaseOf(remote, me, true) };
        // The server unlocks by id: another run that took over the lock of the same dead holder is not affected.
        const isLeft = isDead(holder, identity(), probe) || isLeftLook(holder);
        if (isLeft && (await remote.unlock(holder.id, signal))) continue;
        // A peek releases it in a moment.
        if (isLeft || turn >= LOOKS.length) return { holder };
        await sleep(LOOKS[turn], undefined, { signal }).catch(() => signal.throwIfAborted());
      }
    },
    async holder(signal) {
      if (!words.isLocked) return undefined;
      // The protocol has no other question: a free lock is taken for a moment.
      const me = { ...identity(), id: crypto.randomUUID(), operation: PEEK, since: new Date().toISOString() };
      const holder = await remote.lock(me, signal);
      if (holder === undefined) await remote.unlock(me.id, signal);
      return holder;
    },
    unlock: async (id, signal) => words.isLocked && (await remote.unlock(id, signal)),
    async runs(signal) {
      const { archive } = (await remote.read(signal)) ?? NOTHING;
      const open = archive.runs.length === 0 ? undefined : await this.holder(signal).catch(() => undefined);
      return archive.runs.map((one) => listed(one, one.run === open?.id));
    },
    async readRun(run, signal) {
      const found = (await remote.read(signal))?.archive.runs.find((one) => one.run === run);
      return found && linesOf(found, false).join("");
    },
    async versions(signal) {
      const { archive } = (await remote.read(signal)) ?? NOTHING;
      return archive.versions.map(({ id }) => ({ id, at: timeOf(id) }));
    },
    async readVersion(id, signal) {
      return versionIn(((await remote.read(signal)) ?? NOTHING).archive, id);
    },
  };
}

const NOTHING = unpack("");

/** Milliseconds between two tries, while a peek may hold the lock. */
const LOOKS = [100, 300, 600];
/** A look takes two requests: one of a minute ago was killed between them. */
const isLeftLook = ({ operation, since }: Holder): boolean =>
  operation === PEEK && Date.now() - Date.parse(since) > 60_000;

function leaseOf(remote: Remote, me: Holder, isLocked: boolean): StateLock {
  // A lease outlives the signal of its run: what was done must be written down.
  const { signal } = new AbortController();
  let known: string | undefined;
  let archive: Archive | undefined;
  return {
    async write(text, expected) {
      // Under the lock no other run writes: the first read is enough.
      const isKnown = isLocked && known !== undefined && known === expected;
      const before = isKnown ? undefined : await remote.read(signal);
      if (!isKnown && before?.tag !== expected)
        throw new Failure("state.conflict", `${remote.where} was changed by another program while it was locked`, {
          hint: "run the same command again: it starts from the current state",
        });
      if (archive === undefined || !isLocked)
        archive =
          before === undefined ? NOTHING.archive : withVersion(before.archive, before.text, before.tag, text.length);
      archive = withRun(archive, me, serialOf(text));
      const full = pack(text, archive);
      await remote.write(full, isLocked ? me.id : undefined, signal);
      known = tagOf(full);
      return known;
    },
    async [Symbol.asyncDispose]() {
      if (isLocked) await remote.unlock(me.id, signal);
    },
  };
}

/** 0: it says none. */
const serialOf = (text: string): number => Number(/"serial":\s*(\d+)/.exec(text)?.[1] ?? 0);

const tagOf = (text: string): string => createHash("sha256").update(text).digest("hex");

/** The requests of the protocol. */
class Remote {
  readonly where: string;
  readonly #http: HttpClient;
  readonly #words: HttpWords;

  constructor(http: HttpClient, where: string, words: HttpWords) {
    this.#http = http;
    this.where = where;
    this.#words = words;
  }

  /** The document, what is kept with it, and both as the server has them. */
  async read(
    signal: AbortSignal,
  ): Promise<(TextDocument & { readonly archive: Archive; readonly full: string }) | undefined> {
    return await this.#asked(async () => {
      const answer = await this.#http.send("GET", "", { signal, accept: [404] });
      const full = await textOf(answer);
      return answer.status === 200 && full !== "" ? { ...unpack(full), full, tag: tagOf(full) } : undefined;
    });
  }

  async write(text: string, id: string | undefined, signal: AbortSignal): Promise<void> {
    try {
      await this.#asked(async () => {
        const headers = { "content-type": "application/json" };
        const call = { signal, body: text, headers, query: { ID: id }, accept: TAKEN, idempotent: true };
        const answer = await this.#http.send(this.#words.update, "", call);
        await answer.text();
        if (TAKEN.includes(answer.status))
          throw new Failure("state.lost", `the lock of ${this.where} was taken from this run`, {
            hint: "run the same command again when the other run has ended",
          });
      });
    } catch (error) {
      // It may have arrived all the same: a second try of the same serial is refused by GitLab.
      if (error instanceof Failure && error.code === "state.lost") throw error;
      if ((await this.read(signal).catch(() => undefined))?.full !== text) throw error;
    }
  }

  /** Undefined: it is held. */
  async lock(me: Holder, signal: AbortSignal): Promise<Holder | undefined> {
    return await this.#asked(async () => {
      const { lockAt: path, lock } = this.#words;
      const answer = await this.#http.send(lock, path, {
        signal,
        json: infoOf(me),
        accept: [...TAKEN, ...LOCKLESS],
        idempotent: true,
      });
      const text = await answer.text();
      if (LOCKLESS.includes(answer.status)) throw this.#lockless(lock, answer.status);
      if (!TAKEN.includes(answer.status)) return undefined;
      const reported = holderOf(text, this.where);
      // GitLab returns the operation of the request.
      const holder =
        reported.pid === 0 && reported.operation === me.operation ? { ...reported, operation: "" } : reported;
      // The first try had arrived.
      return holder.id === me.id ? undefined : holder;
    });
  }

  async unlock(id: string, signal: AbortSignal): Promise<boolean> {
    return await this.#asked(async () => {
      const { unlockAt: path, unlock } = this.#words;
      // In the address too: GitLab takes a request without an id for a forced unlock.
      const call = { signal, json: { ID: id }, query: { ID: id }, accept: [...TAKEN, 404], idempotent: true };
      const answer: Answer = await this.#http.send(unlock, path, call);
      await answer.text();
      return answer.status < 300;
    });
  }

  #lockless(method: string, status: number): Failure {
    return new Failure("state.lock", `the server has no lock for ${this.where} (${method}: ${status})`, {
      hint: "set state_lock_address and state_lock_method as the server requires; if it has no locks and concurrent runs are prevented: state_lock = false",
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
