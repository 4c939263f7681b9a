import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../../failure.ts";
import type { Holder } from "../../model/state.ts";
import { type Journal, KEPT_RUNS, KEPT_VERSIONS, type StateLock } from "../storage.ts";
import { isBroken, type PostgresClient, type Query } from "./client.ts";
import { tablesOf } from "./schema.ts";
import { advisoryKey, BACKEND, number, text as textOf } from "./values.ts";

/** Characters of a journal that wait for the next durable lines, at most. */
const WAITING = 64 * 1024;

/** The lock of one run, its session, and its right to write. */
export class PostgresLease implements StateLock, Journal {
  readonly #session: PostgresClient;
  readonly #me: Holder;
  #generation: number;
  #seq = 0;
  #waiting: { readonly run: string; readonly text: string } | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #isOver = false;

  constructor(session: PostgresClient, me: Holder, { generation }: { readonly generation: number }) {
    this.#session = session;
    this.#me = me;
    this.#generation = generation;
  }

  get journal(): Journal {
    return this;
  }

  async write(text: string, expected: string | undefined): Promise<string> {
    const { documents } = this.#tables;
    const { name } = this.#session.place;
    const tag = createHash("sha256").update(text).digest("hex");
    await this.#durable(async (query) => {
      const [row] = await query(`select id, tag from ${documents} where name = $1 order by id desc limit 1`, [name]);
      // A first try that had arrived.
      if (row !== undefined && row["tag"] === tag && expected !== tag) return;
      if (row?.["tag"] !== expected)
        throw new Failure(
          "state.conflict",
          `${this.#session.where} was changed by another program while it was locked`,
          {
            hint: "the changes of this run are in its journal; the next command adds them to the state",
          },
        );
      await query(`insert into ${documents} (name, tag, body) values ($1, $2, $3)`, [name, tag, text]);
      await query(
        `delete from ${documents} where name = $1 and id <= (select id from ${documents} where name = $1 order by id desc offset ${KEPT_VERSIONS + 1} limit 1)`,
        [name],
      );
    });
    return tag;
  }

  async append(run: string, text: string, durable: boolean): Promise<void> {
    const waiting = this.#waiting?.run === run ? this.#waiting.text + text : text;
    if (!durable && waiting.length < WAITING) {
      this.#waiting = { run, text: waiting };
      return;
    }
    await this.#flush(run, waiting);
  }

  async #flush(run: string, text: string): Promise<void> {
    const { runs, journals } = this.#tables;
    const { name } = this.#session.place;
    const seq = this.#seq + 1;
    const { states } = this.#tables;
    // One statement, one way there and back: the row of the lock, held while the lines are added. A try whose answer was lost has added the same.
    const statement = `with mine as (select name from ${states} where name = $1::text and holder_id = $2::text for share),
      begun as (insert into ${runs} (name, run, is_open) select name, $3::text, true from mine where $4::int = 1 on conflict do nothing),
      added as (insert into ${journals} (name, run, seq, body) select name, $3::text, $4::int, $5::text from mine
        on conflict (name, run, seq) do update set body = excluded.body returning seq)
      select count(*)::int as added from added`;
    await this.#patiently(async () => {
      const [row] = await this.#session.query(statement, [name, this.#me.id, run, seq, text]);
      if (row?.["added"] === 1) return;
      await this.#session.transaction(async (query) => await this.#mine(query, "share"));
      throw new Failure("state.io", `${this.#session.where} did not take the lines of the journal`);
    });
    this.#seq = seq;
    this.#waiting = undefined;
  }

  async finish(run: string, bytes?: number): Promise<void> {
    if (this.#waiting?.run === run) await this.#flush(run, this.#waiting.text);
    const { runs, journals } = this.#tables;
    const { name } = this.#session.place;
    await this.#durable(async (query) => {
      if (bytes !== undefined) await cut(query, this.#session, run, bytes);
      if (bytes === 0) await query(`delete from ${runs} where name = $1 and run = $2`, [name, run]);
      else await query(`update ${runs} set is_open = false where name = $1 and run = $2`, [name, run]);
      const old = `select run from ${runs} where name = $1 and not is_open order by run desc offset ${KEPT_RUNS}`;
      await query(`delete from ${journals} where name = $1 and run in (${old})`, [name]);
      await query(`delete from ${runs} where name = $1 and run in (${old})`, [name]);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    const { states } = this.#tables;
    try {
      if (this.#waiting !== undefined) await this.#flush(this.#waiting.run, this.#waiting.text);
      await this.#durable(async (query) => {
        await query(`update ${states} set holder_id = null, holder = null where name = $1 and holder_id = $2`, [
          this.#session.place.name,
          this.#me.id,
        ]);
      });
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== "state.lost") throw error;
    } finally {
      // Its end gives the advisory lock back, whatever a pooler makes of a session.
      await this.#session
        .query("select pg_advisory_unlock($1::bigint)", [advisoryKey(this.#session.place, this.#generation)])
        .catch(() => undefined);
      await this.#session[Symbol.asyncDispose]();
    }
  }

  get #tables() {
    return tablesOf(this.#session.place.schema);
  }

  /**
   * A transaction of whoever holds the lock.
   * @throws Failure state.lost when it is no longer ours
   */
  async #durable(work: (query: Query) => Promise<void>): Promise<void> {
    await this.#patiently(async () => {
      await this.#session.transaction(async (query) => {
        await this.#mine(query, "share");
        await work(query);
      });
    });
  }

  /** Does it, one after another; again where the connection broke, once the lock is known to be ours still. */
  async #patiently(work: () => Promise<void>): Promise<void> {
    const turn = this.#queue.then(async () => {
      const end = performance.now() + this.#session.patience;
      for (let broken: unknown, pause = 50; ; pause = Math.min(pause * 2, 2000)) {
        try {
          if (broken !== undefined) await this.#again();
          await work();
          return;
        } catch (error) {
          if (!isBroken(error) || performance.now() > end) throw error;
          broken = error;
          await this.#session.reset();
          await sleep(pause);
        }
      }
    });
    this.#queue = turn.catch(() => undefined);
    await turn;
  }

  /** The row of the lock, held until the transaction ends: nobody takes it meanwhile. */
  async #mine(query: Query, strength: "share" | "update") {
    const { states } = this.#tables;
    const [row] = await query(`select holder_id, holder, generation from ${states} where name = $1 for ${strength}`, [
      this.#session.place.name,
    ]);
    if (row?.["holder_id"] === this.#me.id) return row;
    const by = /"user":"([^"]*)","host":"([^"]*)"/.exec(textOf(row?.["holder"]));
    throw new Failure(
      "state.lost",
      `the lock of ${this.#session.where} was taken from this run${by === null ? "" : ` by ${by[1]}@${by[2]}`}`,
      { hint: "the recorded state is kept; run the same command again when the other run has ended" },
    );
  }

  /** A new session takes the place of the one that broke, and its lock. */
  async #again(): Promise<void> {
    const { place } = this.#session;
    const { states } = this.#tables;
    await this.#session.transaction(async (query) => {
      const row = await this.#mine(query, "update");
      // The old session may be there still: its lock is left to it, and the row says which one counts.
      let generation = number(row["generation"]);
      const got = async () =>
        (await query("select pg_try_advisory_lock($1::bigint) as got", [advisoryKey(place, generation)]))[0]?.["got"];
      if ((await got()) !== true) {
        generation += 1;
        await got();
      }
      await query(`update ${states} set generation = $2::bigint, backend = ${BACKEND} where name = $1`, [
        place.name,
        generation,
      ]);
      await query("select set_config('synchronous_commit', 'on', false)");
      this.#generation = generation;
    });
  }
}

/** Makes a journal that long, in one row. */
async function cut(query: Query, { place }: PostgresClient, run: string, bytes: number): Promise<void> {
  const { journals } = tablesOf(place.schema);
  const rows = await query(`select body from ${journals} where name = $1 and run = $2 order by seq`, [place.name, run]);
  const whole = Buffer.from(rows.map((row) => textOf(row["body"])).join(""));
  if (whole.length === bytes && bytes > 0) return;
  await query(`delete from ${journals} where name = $1 and run = $2`, [place.name, run]);
  if (bytes > 0)
    await query(`insert into ${journals} (name, run, seq, body) values ($1, $2, 1, $3)`, [
      place.name,
      run,
      whole.toString("utf8", 0, bytes),
    ]);
}
