import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { parsePostgres, targetOf } from "../../../src/core/store/postgres/location.ts";
import { openStore } from "../../../src/core/store/state.ts";
import type { Storage } from "../../../src/core/store/storage.ts";
import { at, directory, failureOf, holder, row, signal } from "./help.ts";
import { hasPostgres, type Postgres, pgbouncer, postgres } from "./pgserver.ts";
import { programAt } from "./servers.ts";

// For a machine that does much else.
setDefaultTimeout(300_000);

const open = (storage: Storage) => openStore({ storage, operation: "apply", write: true, signal });
const NOBODY = { username: undefined, password: undefined };

test("the URL, then PG* variables, then ~/.pgpass, as libpq does", async () => {
  await using home = await directory();
  const pass = join(home.path, ".pgpass");
  await Bun.write(pass, "# a comment\nother:*:*:*:no\ndb.example.org:5433:ops:ci:p\\:a\\\\ss\n*:*:*:*:any\n");
  await chmod(pass, 0o600);
  const of = async (url: string, env: Readonly<Record<string, string>> = {}, login = NOBODY) =>
    await targetOf(parsePostgres(url), login, { HOME: home.path, ...env });
  expect(await of("postgres://ci@db.example.org:5433/ops?name=a&sslmode=require")).toEqual({
    host: "db.example.org",
    port: 5433,
    database: "ops",
    username: "ci",
    password: "p:a\\ss",
    mode: "require",
    tls: {},
    timeout: 15,
  });
  const env = {
    PGHOST: "/run/pg",
    PGPORT: "6000",
    PGUSER: "u",
    PGPASSWORD: "w",
    PGDATABASE: "d",
    PGSSLMODE: "disable",
  };
  expect(await of("postgres:///?name=a", env)).toMatchObject({
    host: "/run/pg",
    port: 6000,
    database: "d",
    password: "w",
  });
  expect((await of("postgres://h/d?name=a", { PGUSER: "u" })).password).toBe("any");
  await chmod(pass, 0o644);
  expect((await of("postgres://h/d?name=a", { PGUSER: "u" })).password).toBeUndefined();
  await Bun.write(join(home.path, "ca.pem"), "PEM");
  const root = encodeURIComponent(join(home.path, "ca.pem"));
  expect(await of(`postgres://h/d?name=a&sslmode=require&sslrootcert=${root}`)).toMatchObject({
    mode: "verify-ca",
    tls: { ca: "PEM" },
  });
});

// Installed by .ci/packages.
describe.skipIf(!hasPostgres)("on a PostgreSQL server", () => {
  let server: Postgres;
  let next = 0;
  const fresh = (more = "", user = "images") => server.url(`own-${++next}`, more, user);
  beforeAll(async () => {
    server = await postgres([], "scram-sha-256");
    await server.sql("alter user images password 'the-password'");
    await server.sql("create user reader password 'reader-password'");
  });
  afterAll(async () => await server[Symbol.asyncDispose]());
  const storageOf = (url: string, password = "the-password", more: Readonly<Record<string, string>> = {}): Storage =>
    server.open(url, { env: { HOME: "/nonexistent", PGPASSWORD: password, ...more } });

  test("a server that is killed and comes back in the middle of a run: the run goes on, and nothing is lost or doubled", async () => {
    const url = fresh();
    {
      await using store = await open(storageOf(url));
      for (const how of ["SIGKILL", "SIGINT"] as const) {
        await store.put(at("lab", how), row("lab", "before"));
        const stopped = server.stop(how);
        const waiting = Promise.all(
          Array.from({ length: 8 }, (_, i) => store.put(at("lab", `${how.toLowerCase()}-${i}`), row("lab", `${i}`))),
        );
        await stopped;
        await server.start();
        await waiting;
      }
    }
    await using reader = await openStore({ storage: storageOf(url), operation: "plan", write: false, signal });
    expect(Object.keys(reader.state.images).length).toBe(18);
    expect((await storageOf(url).runs(signal)).map(({ open }) => open)).toEqual([false]);
  });

  test("a session that ends gives the lock to the next one, also where its host is another", async () => {
    const url = fresh();
    const first = await storageOf(url).lock(holder("a", { host: "elsewhere" }), signal);
    if (!("lease" in first)) throw new Error("locked");
    const other = storageOf(url);
    expect(await other.lock(holder("b", { host: "elsewhere" }), signal)).toEqual({
      holder: holder("a", { host: "elsewhere" }),
    });
    await server.sql(
      "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted and database = (select oid from pg_database where datname = 'images')",
    );
    let taken = false;
    while (!taken) {
      const answer = await other.lock(holder("b", { host: "elsewhere" }), signal);
      taken = "lease" in answer;
    }
    expect((await failureOf(first.lease.write("{}", undefined))).code).toBe("state.lost");
  });

  test.skipIf(programAt("pgbouncer") === undefined)(
    "what a pooler does: in session mode nothing; two runs that it gives one session are told",
    async () => {
      for (const mode of ["session", "transaction"] as const) {
        await using pooler = await pgbouncer(server, mode);
        const by = (url: string) => url.replace(/:\d+\//, `:${pooler.port}/`);
        const url = fresh();
        {
          await using store = await open(storageOf(by(url)));
          await store.put(at("lab", "a"), row("lab", "1"));
          const { code, message } = await failureOf(open(storageOf(by(url))));
          if (mode === "session") expect(code).toBe("state.locked");
          // One session of the server for both: its lock says nothing.
          else
            expect([code, message]).toEqual([
              "state.lock",
              expect.stringContaining("a pooler gives this run the session"),
            ]);
          await store.put(at("lab", "a"), row("lab", "2"));
        }
        await using reader = await openStore({ storage: storageOf(url), operation: "plan", write: false, signal });
        expect(String(reader.state.images[at("lab", "a")]?.id)).toBe("2");
      }
    },
  );

  test("rights that are lacking are named, with what to grant", async () => {
    const url = fresh("", "reader");
    const denied = await failureOf(storageOf(`${url}&schema=fresh`, "reader-password").lock(holder("a"), signal));
    expect([denied.code, denied.hint]).toEqual(["state.denied", expect.stringContaining("GRANT CREATE ON DATABASE")]);
    await open(storageOf(fresh())).then((store) => store[Symbol.asyncDispose]());
    const tables = await failureOf(storageOf(url, "reader-password").lock(holder("a"), signal));
    expect([tables.code, tables.hint]).toEqual(["state.denied", expect.stringContaining('SCHEMA "images"')]);
    await server.sql(
      "grant usage on schema images to reader; grant select, insert, update, delete on all tables in schema images to reader",
    );
    await using store = await open(storageOf(url, "reader-password"));
    await store.put(at("lab", "a"), row("lab", "1"));
  });

  test("wrong passwords, databases that are not there or read-only, servers that are not there", async () => {
    const told = async (url: string, password?: string, more?: Readonly<Record<string, string>>) => {
      const { code, message, hint } = await failureOf(storageOf(url, password, more).lock(holder("a"), signal));
      expect(`${message} ${hint}`).not.toContain("hunter2");
      return `${code} ${message} ${hint}`;
    };
    expect(await told(fresh(), "hunter2")).toMatch(/state\.remote.*password authentication failed.*state_password/s);
    expect(await told(fresh().replace("/images?", "/nowhere?"))).toMatch(/3D000.*createdb nowhere/s);
    expect(await told(fresh("&sslmode=require"))).toContain("sslmode=disable");
    expect(await told(fresh().replace(/:\d+\//, ":1/"))).toMatch(/check host and port/);
    await server.sql("alter database images set default_transaction_read_only = on");
    // A reader may read there.
    expect((await storageOf(fresh()).read(signal)).open).toEqual([]);
    expect(await told(fresh())).toMatch(/state\.readonly.*25006.*connect to the primary/s);
    await server.sql("set transaction_read_only = off; alter database images reset default_transaction_read_only");
  });

  test("TLS: the modes of libpq, against a certificate of one's own", async () => {
    await using files = await directory();
    const [key, cert] = [join(files.path, "key.pem"), join(files.path, "cert.pem")];
    const made = Bun.spawnSync(
      ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2"].concat([
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost",
      ]),
    );
    expect(made.exitCode).toBe(0);
    await using secure = await postgres([], "trust", { key, cert });
    const told = async (host: string, more: string) => {
      const url = secure.url("tls", more).replace("127.0.0.1", host);
      return await secure
        .open(url)
        .read(signal)
        .then(
          () => "read",
          (error: unknown) => String(error),
        );
    };
    const root = `&sslrootcert=${encodeURIComponent(cert)}`;
    expect(await told("127.0.0.1", "&sslmode=require")).toBe("read");
    expect(await told("127.0.0.1", "&sslmode=verify-full")).toMatch(/self.signed/i);
    expect(await told("127.0.0.1", `&sslmode=verify-ca${root}`)).toBe("read");
    expect(await told("127.0.0.1", `&sslmode=require${root}`)).toBe("read");
    expect(await told("127.0.0.1", `&sslmode=verify-full${root}`)).toContain("altnames");
    expect(await told("localhost", `&sslmode=verify-full${root}`)).toBe("read");
    const log = await secure.sql(
      "select count(*)::int as plain from pg_stat_ssl where not ssl and pid <> pg_backend_pid()",
    );
    expect(log[0]).toEqual({ plain: 0 });
  });

  test("a name is one state, and two names in a database are two", async () => {
    const [one, two] = [fresh(), fresh()];
    for (const [url, id] of [
      [one, "1"],
      [two, "2"],
    ] as const) {
      await using store = await open(storageOf(url));
      await store.put(at("lab", "a"), row("lab", id));
    }
    await using reader = await openStore({ storage: storageOf(one), operation: "plan", write: false, signal });
    expect(Object.values(reader.state.images).map((image) => String(image.id))).toEqual(["1"]);
  });

  test("a document of several pieces is what was written, in a database that shows bytes in the old way, too", async () => {
    await server.sql("alter database images set bytea_output = 'escape'");
    try {
      const url = fresh();
      // Letters of two bytes, so that pieces end within one.
      const state = { version: 1, lineage: "l", serial: 1, images: {}, note: "\\ü'\n".repeat(700_000) };
      const written = `${JSON.stringify(state)}\n`;
      const answer = await storageOf(url).lock(holder("a"), signal);
      if (!("lease" in answer)) throw new Error("the lock of a new place is held");
      await using lease = answer.lease;
      for (const document of [written, "{}\n"]) {
        const before = await storageOf(url).read(signal);
        const tag = await lease.write(document, before.document?.tag);
        expect((await storageOf(url).read(signal)).document).toEqual({ text: document, tag });
      }
    } finally {
      await server.sql("alter database images reset bytea_output");
    }
  });
});
