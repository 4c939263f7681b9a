import { SQL } from "bun";
import type { Failure } from "../../failure.ts";
import { explained, isBroken } from "./explain.ts";
import {
  type PostgresEnv,
  type PostgresLocation,
  type PostgresLogin,
  type PostgresTarget,
  targetOf,
} from "./location.ts";

export interface PostgresContext {
  readonly env: PostgresEnv;
  /** The user and the password that the settings name. */
  readonly login: () => Promise<PostgresLogin>;
  readonly maskSecret: (secret: string) => void;
  /** Milliseconds for which a server that is gone is waited for by a run that goes on. */
  readonly patience?: number;
}

export type Row = Readonly<Record<string, unknown>>;
/** Runs one statement of a transaction. */
export type Query = (text: string, values?: readonly unknown[]) => Promise<readonly Row[]>;

/** One connection to a database, made at the first call. */
export class PostgresClient implements AsyncDisposable {
  readonly place: PostgresLocation;
  readonly #context: PostgresContext;
  #sql: Promise<SQL> | undefined;

  constructor(place: PostgresLocation, context: PostgresContext) {
    this.place = place;
    this.#context = context;
  }

  get patience(): number {
    return this.#context.patience ?? 120_000;
  }

  /** For people, without secrets. */
  get where(): string {
    const { url, name } = this.place;
    return `postgres://${url.host}${url.pathname}?name=${name}`;
  }

  /**
   * Runs a transaction: all of it or nothing, and it is durable when this resolves. `isSnapshot`: it only reads, as of one moment.
   * @throws Failure state.*; `retry` when the connection broke: it may have been carried out then
   */
  async transaction<T>(work: (query: Query) => Promise<T>, isSnapshot = false): Promise<T> {
    try {
      const sql = await this.#opened();
      const run = async (tx: SQL): Promise<T> =>
        await work(async (text, values = []) => await tx.unsafe(text, [...values]));
      // Not "read write": a read-only database is so on purpose.
      return await (isSnapshot ? sql.begin("isolation level repeatable read read only", run) : sql.begin(run));
    } catch (error) {
      throw this.#failure(error);
    }
  }

  async query(text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    try {
      const sql = await this.#opened();
      return await sql.unsafe(text, [...values]);
    } catch (error) {
      throw this.#failure(error);
    }
  }

  #failure(error: unknown): Failure | unknown {
    return explained(error, this.where, this.place);
  }

  /** Ends the connection; the next call makes another one. */
  async reset(): Promise<void> {
    const before = this.#sql;
    this.#sql = undefined;
    await (await before?.catch(() => undefined))?.close({ timeout: 0 }).catch(() => undefined);
  }

  #opened(): Promise<SQL> {
    this.#sql ??= this.#open();
    return this.#sql;
  }

  async #open(): Promise<SQL> {
    const { env, login, maskSecret } = this.#context;
    const target = await targetOf(this.place, await login(), env);
    if (target.password !== undefined && target.password !== "") maskSecret(target.password);
    return connect(target);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.reset();
  }
}

function connect({ host, port, database, username, password, mode, tls, timeout }: PostgresTarget): SQL {
  const isSocket = host.startsWith("/");
  const name = host.includes(":") ? `[${host}]` : host;
  const url = `postgres://${isSocket ? "localhost" : name}:${port}/${encodeURIComponent(database)}?sslmode=${isSocket ? "disable" : mode}`;
  const hasTls =
    !isSocket && mode.startsWith("verify") ? Object.keys(tls).length > 0 : tls.cert !== undefined && !isSocket;
  return new SQL(url, {
    adapter: "postgres",
    username,
    ...(password === undefined ? {} : { password }),
    ...(isSocket ? { path: `${host}/.s.PGSQL.${port}` } : {}),
    ...(hasTls ? { tls } : {}),
    // One session, which holds the lock.
    max: 1,
    idleTimeout: 0,
    connectionTimeout: timeout,
    // Poolers give each transaction another session.
    prepare: false,
    connection: { application_name: "images" },
  });
}

export { isBroken };
