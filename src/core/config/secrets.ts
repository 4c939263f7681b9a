import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { homeOf } from "../disk/account.ts";
import { Failure } from "../failure.ts";
import type { FilePosition } from "../model/position.ts";
import { runForSecret } from "./command.ts";
import { HIDDEN, patternsOf, redactUrls } from "./redact.ts";

const REFERENCE = /^(?:(env):([A-Za-z_][A-Za-z0-9_]*)|(file|cmd):(.*\S.*))$/s;

/** Whether a text names a secret (`env:NAME`, `file:PATH`, `cmd:COMMAND`) instead of being one. */
export const isReference = (text: string): boolean => REFERENCE.test(text);

interface SecretsOptions {
  /** Relative paths start here, and commands run here. */
  readonly directory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds that a command may take. Default: one minute. */
  readonly timeout?: number;
}

interface SecretRequest {
  /** Where the reference stands, for the failure. */
  readonly at?: FilePosition | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The secrets of a run: gets them by their references, once each, and hides them in everything that is shown. */
export class Secrets {
  readonly #options: SecretsOptions;
  readonly #known = new Map<string, Promise<string>>();
  readonly #patterns = new Set<string>();
  #finder: RegExp | undefined;

  constructor(options: SecretsOptions) {
    this.#options = options;
  }

  /**
   * The secret behind a reference, concealed from then on. It is got once for all who ask. One trailing line break is cut off.
   * @throws Failure config.secret when there is none, or an empty one
   */
  async resolve(reference: string, { at, signal }: SecretRequest = {}): Promise<string> {
    for (;;) {
      signal?.throwIfAborted();
      let pending = this.#known.get(reference);
      const mine = pending === undefined;
      if (pending === undefined) {
        pending = this.#get(reference, signal);
        this.#known.set(reference, pending);
      }
      try {
        return await (mine ? pending : orAborted(pending, signal));
      } catch (thrown) {
        if (this.#known.get(reference) === pending && mine) this.#known.delete(reference);
        // Another one who asked was stopped in the middle of it; we were not.
        if (!mine && thrown instanceof Stopped && signal?.aborted !== true) continue;
        if (thrown instanceof Stopped) throw thrown.cause;
        throw thrown instanceof Failure ? thrown.with({ at }) : thrown;
      }
    }
  }

  /** What is written: the secret behind it where it is a reference, else itself. For settings that may be either, as a user name. */
  async text(written: string, asked: SecretRequest = {}): Promise<string> {
    return isReference(written) ? await this.resolve(written, asked) : written;
  }

  /** From now on `redact` hides this text. */
  maskSecret(secret: string): void {
    const before = this.#patterns.size;
    for (const pattern of patternsOf(secret)) this.#patterns.add(pattern);
    if (this.#patterns.size !== before) this.#finder = undefined;
  }

  /**
   * The text with every concealed secret replaced by `(sensitive)`, in any usual encoding (URL, base64, JSON). In URLs, users, passwords,
   * signatures and tokens are hidden even if they were not registered.
   */
  redact(text: string): string {
    const shown = this.#patterns.size === 0 ? text : text.replace(this.#find(), HIDDEN);
    return redactUrls(shown);
  }

  /** Longer ones first: a secret that contains another is hidden whole. */
  #find(): RegExp {
    this.#finder ??= new RegExp([...this.#patterns].sort((a, b) => b.length - a.length).join("|"), "g");
    return this.#finder;
  }

  async #get(reference: string, signal: AbortSignal | undefined): Promise<string> {
    const secret = (await this.#read(reference, signal)).replace(/\r?\n$/, "");
    if (secret === "") throw new Failure("config.secret", `${shown(reference)} is empty`, { hint: HINT });
    this.maskSecret(secret);
    return secret;
  }

  async #read(reference: string, signal: AbortSignal | undefined): Promise<string> {
    const [, env, name = "", kind, rest = ""] = REFERENCE.exec(reference) ?? [];
    if (env !== undefined) return this.#fromEnv(name);
    if (kind === "file") return await this.#fromFile(rest, signal);
    if (kind === "cmd") return await this.#fromCommand(rest, signal);
    throw new Failure("config.secret", "a secret must be a reference (env:, file:, cmd:), not a literal", {
      hint: HINT,
    });
  }

  #fromEnv(name: string): string {
    const { env } = this.#options;
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    if (value !== undefined) return value;
    throw new Failure("config.secret", `the environment variable ${name} is not set`, { hint: `export ${name}=…` });
  }

  async #fromFile(path: string, signal: AbortSignal | undefined): Promise<string> {
    const home = homeOf(this.#options.env);
    const file = resolve(this.#options.directory, path.replace(/^~(?=\/|$)/, home));
    try {
      return await readFile(file, { encoding: "utf8", ...(signal === undefined ? {} : { signal }) });
    } catch (cause) {
      if (signal?.aborted) throw new Stopped(signal.reason);
      const why = cause instanceof Error ? cause.message.replace(/, \w+ '.*$/s, "") : "unknown reason";
      throw new Failure("config.secret", `the secret in ${file} cannot be read: ${why}`, { cause });
    }
  }

  async #fromCommand(command: string, signal: AbortSignal | undefined): Promise<string> {
    const { directory, env, timeout = 60_000 } = this.#options;
    const ran = await runForSecret(command, { directory, env, timeout, signal });
    if (ran.kind === "stopped") throw new Stopped(signal?.reason);
    if (ran.kind === "done") return ran.output;
    const lines = ran.output.split("\n").filter((line) => line.trim().length >= 4);
    const said = lines.reduce((text, line) => text.replaceAll(line.trim(), HIDDEN), this.redact(ran.stderr.trim()));
    const hint = said === "" ? undefined : `it printed: ${said}`;
    throw new Failure("config.secret", `the command of ${shown(`cmd:${command}`)} ${ran.why}`, { hint });
  }
}

const HINT = 'write "env:NAME", "file:PATH" or "cmd:COMMAND"';

/** Waiting ended since the asker was stopped; the cause is the reason of its signal. */
class Stopped extends Error {
  constructor(reason: unknown) {
    super("stopped", { cause: reason });
  }
}

const shown = (reference: string): string => (reference.length > 60 ? `${reference.slice(0, 60)}…` : reference);

async function orAborted<T>(pending: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await pending;
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = () => reject(new Stopped(signal.reason));
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await Promise.race([pending, promise]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
