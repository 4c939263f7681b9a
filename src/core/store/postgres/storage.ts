import { setTimeout as sleep } from "node:timers/promises";
import { parseHolder } from "../../disk/lock.ts";
import { identity, isDead, probe } from "../../disk/process.ts";
import { Failure } from "../../failure.ts";
import type { Holder } from "../../model/state.ts";
import { LARGE, readByPieces } from "../pieces.ts";
import { type Document, type OpenRun, REMOTE_PAUSE, type Storage } from "../storage.ts";
import { PostgresClient, type PostgresContext, type Query, type Row } from "./client.ts";
import { PostgresLease } from "./lease.ts";
import type { PostgresLocation } from "./location.ts";
import { isMade, makeTables, tablesOf } from "./schema.ts";
import { advisoryKey, BACKEND, number, text } from "./values.ts";

/** Pieces of a document that are asked for at once. */
const AT_ONCE = 16;

/**
 * A state in a PostgreSQL database, in tables that it makes by itself. The lock is a row that names the holder, and an advisory lock of the
 * holder's session: when its process is killed the session ends, and the lock with it. Every write asks the row in its transaction.
 */
export function postgresStorage(
  place: PostgresLocation,
  context: PostgresContext,
): { readonly storage: Storage; readonly close: AsyncDisposable } {
  const client = new PostgresClient(place, context);
  const store = new Postgres(client, () => new PostgresClient(place, context));
  return { storage: store, close: store };
}

class Postgres implements Storage, AsyncDisposable {
  readonly where: string;
  readonly canPeek = true;
  readonly pause = REMOTE_PAUSE;
  readonly #client: PostgresClient;
  readonly #connect: () => PostgresClient;
  /** The session that asks for the lock, and gives itself away with it. */
  #session: PostgresClient | undefined;
  #isMade = false;

  constructor(client: PostgresClient, connect: () => PostgresClient) {
    this.#client = client;
    this.#connect = connect;
    this.where = client.where;
  }

  async read(): Promise<{ readonly document?: Document; readonly open: readonly OpenRun[] }> {
    if (!(await this.#made())) return { open: [] };
    const { journals, runs } = tablesOf(this.#client.place.schema);
    return await this.#client.transaction(async (query) => {
      const document = await this.#document(query);
      const lines = await query(
        `select r.run, coalesce(string_agg(j.body, '' order by j.seq), '') as body from ${runs} r left join ${journals} j on j.name = r.name and j.run = r.run where r.name = $1 and r.is_open group by r.run order by r.run`,
        [this.#client.place.name],
      );
      const open = lines.map((line) => ({ run: text(line["run"]), text: text(line["body"]) }));
      return document === undefined ? { open } : { document, open };
    }, true);
  }

  /** In pieces, some at a time: a connection keeps twice the memory of the largest value, and there is never all of it. */
  async #document(query: Query): Promise<Document | undefined> {
    const { name, schema } = this.#client.place;
    const last = `from ${tablesOf(schema).documents} where name = $1 order by id desc limit 1`;
    const whole = `(select tag, convert_to(body, 'UTF8') as body ${last})`;
    // As text: what a bytea looks like is a setting of the database (bytea_output), and the driver knows one of two.
    const piece = `encode(substring(d.body from p * ${LARGE} + 1 for ${LARGE}), 'base64')`;
    const asked = async (first: number): Promise<readonly Row[]> => {
      const end = `least(${first + AT_ONCE - 1}, octet_length(d.body) / ${LARGE})`;
      const found = `select d.tag, p as at, ${piece} as piece from ${whole} d, generate_series(${first}, ${end}) p`;
      return (await query(found, [name])).toSorted((a, b) => number(a["at"]) - number(b["at"]));
    };
    const rows = await asked(0);
    const [row, second] = rows;
    if (row === undefined) return undefined;
    const tag = text(row["tag"]);
    if (second === undefined) return { text: pieceOf(row).toString("utf8"), tag };
    const state = await readByPieces(piecesOf(rows, asked));
    return state === undefined
      ? { text: text((await query(`select body ${last}`, [name]))[0]?.["body"]), tag }
      : { state, tag };
  }

  async lock(me: Holder, signal: AbortSignal) {
    this.#session ??= this.#connect();
    const session = this.#session;
    if (!this.#isMade) await makeTables(session);
    this.#isMade = true;
    for (let turn = 0; ; turn++) {
      signal.throwIfAborted();
      const answer = await session.transaction(async (query) => await claimed(session, me, query));
      if ("busy" in answer) {
        // It is just being given back.
        if (turn < 50) await sleep(20, undefined, { signal }).catch(() => signal.throwIfAborted());
        continue;
      }
      if ("holder" in answer) return answer;
      this.#session = undefined;
      return { lease: new PostgresLease(session, me, answer) };
    }
  }

  async holder(): Promise<Holder | undefined> {
    if (!(await this.#made())) return undefined;
    const { name, schema } = this.#client.place;
    const [row] = await this.#client.query(
      `select holder, generation from ${tablesOf(schema).states} where name = $1 and holder_id is not null`,
      [name],
    );
    const holder = parseHolder(text(row?.["holder"]));
    if (row === undefined || holder === undefined) return undefined;
    // The session that it was taken by.
    const [held] = await this.#client.query(
      `select exists (select from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database()) and objsubid = 1 and ((classid::bigint << 32) | objid::bigint) = $1::bigint) as held`,
      [advisoryKey(this.#client.place, number(row["generation"]))],
    );
    return held?.["held"] === true ? holder : undefined;
  }

  async unlock(id: string): Promise<boolean> {
    if (!(await this.#made())) return false;
    const { name, schema } = this.#client.place;
    const freed = await this.#client.query(
      `update ${tablesOf(schema).states} set holder_id = null, holder = null, generation = generation + 1 where name = $1 and holder_id = $2 returning name`,
      [name, id],
    );
    return freed.length > 0;
  }

  async runs() {
    if (!(await this.#made())) return [];
    const { name, schema } = this.#client.place;
    const { runs, journals } = tablesOf(schema);
    const end = (order: string) =>
      `(select body from ${journals} j where j.name = r.name and j.run = r.run order by seq ${order} limit 1)`;
    const found = await this.#client.query(
      `select run, is_open, ${end("asc")} as first, ${end("desc")} as last from ${runs} r where name = $1 order by run`,
      [name],
    );
    return found.map((row) => ({
      run: text(row["run"]),
      open: row["is_open"] === true,
      first: text(row["first"]).split("\n")[0] ?? "",
      last: text(row["last"]).split("\n").at(-2) ?? "",
    }));
  }

  async readRun(run: string): Promise<string | undefined> {
    if (!(await this.#made())) return undefined;
    const { name, schema } = this.#client.place;
    const { runs, journals } = tablesOf(schema);
    const rows = await this.#client.query(
      `select j.body from ${runs} r left join ${journals} j on j.name = r.name and j.run = r.run where r.name = $1 and r.run = $2 order by j.seq`,
      [name, run],
    );
    return rows.length === 0 ? undefined : rows.map((row) => text(row["body"])).join("");
  }

  async versions() {
    if (!(await this.#made())) return [];
    const { name, schema } = this.#client.place;
    const { documents } = tablesOf(schema);
    const rows = await this.#client.query(
      `select id, to_char(written at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at from ${documents} where name = $1 and id < (select max(id) from ${documents} where name = $1) order by id`,
      [name],
    );
    return rows.map((row) => ({ id: `${row["id"]}`, at: text(row["at"]) }));
  }

  async readVersion(id: string): Promise<string | undefined> {
    if (!/^\d{1,18}$/.test(id) || !(await this.#made())) return undefined;
    const { name, schema } = this.#client.place;
    const [row] = await this.#client.query(
      `select body from ${tablesOf(schema).documents} where name = $1 and id = $2::bigint`,
      [name, id],
    );
    return row === undefined ? undefined : text(row["body"]);
  }

  async #made(): Promise<boolean> {
    this.#isMade ||= await isMade(this.#client);
    return this.#isMade;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session?.[Symbol.asyncDispose]();
    await this.#client[Symbol.asyncDispose]();
  }
}

type Claimed = { readonly holder: Holder } | { readonly busy: true } | { readonly generation: number };

/** Tries to take the lock for this session, in one transaction. */
async function claimed(session: PostgresClient, me: Holder, query: Query): Promise<Claimed> {
  const { place } = session;
  const { states } = tablesOf(place.schema);
  await query(`insert into ${states} (name) values ($1) on conflict do nothing`, [place.name]);
  const [row] = await query(`select *, ${BACKEND} as own from ${states} where name = $1 for update`, [place.name]);
  if (row === undefined) return { busy: true };
  const holder = parseHolder(text(row["holder"]));
  if (holder !== undefined && row["backend"] === row["own"]) throw pooled(session);
  let generation = number(row["generation"]);
  const isTaken = async (): Promise<boolean> => {
    const key = advisoryKey(place, generation);
    const [got] = await query("select pg_try_advisory_lock($1::bigint) as got", [key]);
    return got?.["got"] === true;
  };
  if (!(await isTaken())) {
    if (holder !== undefined && !isDead(holder, identity(), probe)) return { holder };
    // No one holds it by the row, or a process that is no more: its session just does not know yet.
    generation += 1;
    if (!(await isTaken())) return { busy: true };
  }
  await query(
    `update ${states} set holder_id = $2, holder = $3, backend = $4, generation = $5::bigint where name = $1`,
    [place.name, me.id, JSON.stringify(me), row["own"], generation],
  );
  await query(
    "select set_config('synchronous_commit', 'on', false), set_config('tcp_keepalives_idle', '30', false), set_config('tcp_keepalives_interval', '10', false), set_config('tcp_keepalives_count', '3', false)",
  );
  return { generation };
}

const pooled = (session: PostgresClient): Failure =>
  new Failure("state.lock", `${session.where}: a pooler gives this run the session of the one that holds the lock`, {
    hint: "connect to the server directly, or to a pooler in session mode: a lock belongs to a session",
  });

const pieceOf = (row: Row): Buffer => Buffer.from(text(row["piece"]), "base64");

/** The pieces in these rows and in those that follow them. */
async function* piecesOf(
  rows: readonly Row[],
  asked: (first: number) => Promise<readonly Row[]>,
): AsyncGenerator<Uint8Array> {
  for (let first = 0, found = rows; found.length > 0; found = await asked(first)) {
    for (const row of found) yield pieceOf(row);
    first += AT_ONCE;
  }
}
