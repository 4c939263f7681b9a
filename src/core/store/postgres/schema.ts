import type { PostgresClient } from "./client.ts";

/** The tables of all states in one schema of a database. */
interface Tables {
  readonly states: string;
  readonly documents: string;
  readonly journals: string;
  readonly runs: string;
}

export const tablesOf = (schema: string): Tables => ({
  states: `"${schema}".states`,
  documents: `"${schema}".documents`,
  journals: `"${schema}".journals`,
  runs: `"${schema}".runs`,
});

/** Whether the tables are there: a user who may not create any then needs no right to. */
export async function isMade(client: PostgresClient): Promise<boolean> {
  const [row] = await client.query("select to_regclass($1) is not null as made", [tablesOf(client.place.schema).runs]);
  return row?.["made"] === true;
}

/** Makes the tables where they are not there; two runs at once do not disturb each other. */
export async function makeTables(client: PostgresClient): Promise<void> {
  if (await isMade(client)) return;
  const { schema } = client.place;
  const { states, documents, journals, runs } = tablesOf(schema);
  await client.transaction(async (query) => {
    await query("select pg_advisory_xact_lock(hashtextextended($1, 0))", [`images schema ${schema}`]);
    const [row] = await query("select to_regnamespace($1) is not null as made", [`"${schema}"`]);
    if (row?.["made"] !== true) await query(`create schema if not exists "${schema}"`);
    // `generation` goes up where a lock is taken from a session that is not known to be gone.
    await query(
      `create table if not exists ${states} (name text primary key, generation bigint not null default 0, holder_id text, holder text, backend text)`,
    );
    await query(
      `create table if not exists ${documents} (name text not null, id bigint generated always as identity, tag text not null, body text not null, written timestamptz not null default now(), primary key (name, id))`,
    );
    await query(
      `create table if not exists ${journals} (name text not null, run text not null, seq int not null, body text not null, written timestamptz not null default now(), primary key (name, run, seq))`,
    );
    await query(
      `create table if not exists ${runs} (name text not null, run text not null, is_open boolean not null, primary key (name, run))`,
    );
  });
}
