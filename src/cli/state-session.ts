import type { Secrets } from "../core/config/secrets.ts";
import type { StateLocation } from "../core/model/declaration.ts";
import type { Holder } from "../core/model/state.ts";
import type { HttpClient, HttpOptions } from "../core/net/client.ts";
import type { LockOptions } from "../core/store/lock.ts";
import { holderOf, openStore, type Store } from "../core/store/state.ts";
import type { Storage } from "../core/store/storage.ts";
import type { SessionOptions } from "./options.ts";
import type { Shell } from "./shell.ts";
import { storageOf, withStateOption } from "./state-storage.ts";

/** The state of one run: where it is, who holds it, and the state itself once it was opened. */
export class StateSession implements AsyncDisposable {
  readonly storage: Storage;
  readonly #shell: Shell;
  readonly #options: SessionOptions;
  readonly #secrets: Secrets;
  readonly #place: StateLocation;
  readonly #open: (options: HttpOptions) => HttpClient;
  /** Closed after the state: it gives its lock back over them. */
  readonly #closing: AsyncDisposable[] = [];
  readonly #others = new Map<string, Storage>();
  #store: Store | undefined;

  constructor(
    shell: Shell,
    options: SessionOptions,
    secrets: Secrets,
    place: StateLocation,
    open: (options: HttpOptions) => HttpClient,
  ) {
    this.#shell = shell;
    this.#options = options;
    this.#secrets = secrets;
    this.#place = place;
    this.#open = open;
    this.storage = this.#storageOf(place);
  }

  /** The state, opened at the first call. @throws Failure state.* */
  async store(): Promise<Store> {
    const { operation, write, lockTimeout, note } = this.#options;
    this.#store ??= await openStore({
      storage: this.storage,
      operation,
      write,
      signal: this.#shell.signal,
      now: () => this.#shell.now(),
      onNote: note,
      ...(lockTimeout === undefined ? {} : { lockTimeout }),
    });
    return this.#store;
  }

  /** This run as the holder of a lock, and how long it waits for one: for commands that write a state by themselves. */
  get holding(): {
    readonly me: Holder;
    readonly patience: LockOptions;
    readonly now: () => Date;
    readonly storage: Storage;
  } {
    const { operation, lockTimeout: timeout, note } = this.#options;
    return {
      storage: this.storage,
      me: holderOf(operation, this.#shell.now()),
      patience: { timeout, signal: this.#shell.signal, onNote: note },
      now: () => this.#shell.now(),
    };
  }

  /** Another place of a state, as a command line or a source names it; it is closed with this one. @throws Failure config.* */
  elsewhere(state: string, what: string, login: Pick<StateLocation, "username" | "password"> = {}): Storage {
    const known = this.#others.get(state);
    if (known !== undefined) return known;
    const found = this.#storageOf({ ...withStateOption(state, this.#shell.cwd, this.#place, what), ...login });
    this.#others.set(state, found);
    return found;
  }

  #storageOf(place: StateLocation): Storage {
    const { storage, close } = storageOf(place, { secrets: this.#secrets, env: this.#shell.env, open: this.#open });
    if (close !== undefined) this.#closing.push(close);
    return storage;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const errors: unknown[] = [];
    for (const one of [this.#store, ...this.#closing])
      await Promise.resolve(one?.[Symbol.asyncDispose]()).catch((error: unknown) => errors.push(error));
    if (errors.length > 0) throw errors[0];
  }
}
