import { existsSync, readdirSync } from "node:fs";
import { chmod, chown, copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SQL } from "bun";
import type { PostgresContext } from "../../../src/core/store/postgres/client.ts";
import { parsePostgres } from "../../../src/core/store/postgres/location.ts";
import { postgresStorage } from "../../../src/core/store/postgres/storage.ts";
import type { Storage } from "../../../src/core/store/storage.ts";
import { freePort, programAt } from "./servers.ts";

const DEBIAN = "/usr/lib/postgresql";
const bin = existsSync(DEBIAN)
  ? readdirSync(DEBIAN)
      .map((version) => join(DEBIAN, version, "bin"))
      .at(-1)
  : undefined;
/** Whether a PostgreSQL server is installed: .ci/packages does it. */
export const hasPostgres = bin !== undefined && existsSync(join(bin, "initdb"));

export interface Postgres extends AsyncDisposable {
  readonly port: number;
  readonly directory: string;
  /** The URL of the state `name`, as the owner of the database. */
  url(name: string, more?: string, user?: string): string;
  open(url: string, over?: Partial<PostgresContext>): Storage;
  /** Runs SQL as the owner of the server. */
  sql(text: string): Promise<readonly unknown[]>;
  stop(how: "SIGKILL" | "SIGINT"): Promise<void>;
  start(): Promise<void>;
}

/** The server does not run as root. */
function asUser(): { readonly prefix: readonly string[]; readonly uid: number; readonly gid: number } {
  if (process.getuid?.() !== 0) return { prefix: [], uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const ids = (flag: string) => Number(Bun.spawnSync(["id", flag, "postgres"]).stdout.toString().trim());
  const [uid, gid] = [ids("-u"), ids("-g")];
  return { prefix: ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups"], uid, gid };
}

/** A new directory that the servers' user reaches: TMPDIR may be closed to all but root. */
function reachable(prefix: string): Promise<string> {
  return mkdtemp(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), prefix));
}

/** A PostgreSQL server of a test, with the user `images` and the database `images`. `more`: settings of the server. */
export async function postgres(
  more: readonly string[] = [],
  auth = "trust",
  tls?: { readonly key: string; readonly cert: string },
): Promise<Postgres> {
  const { prefix, uid, gid } = asUser();
  const directory = await reachable("images-postgres-");
  await chown(directory, uid, gid);
  const data = join(directory, "data");
  const made = Bun.spawnSync(
    [...prefix, `${bin}/initdb`, "-D", data, "-U", "images", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"],
    { cwd: "/" },
  );
  if (made.exitCode !== 0) throw new Error(made.stderr.toString());
  if (auth !== "trust")
    await Bun.write(join(data, "pg_hba.conf"), `local all images trust\nhost all all 127.0.0.1/32 ${auth}\n`);
  if (tls !== undefined)
    for (const [name, from] of [
      ["server.key", tls.key],
      ["server.crt", tls.cert],
    ] as const) {
      await copyFile(from, join(data, name));
      await chmod(join(data, name), 0o600);
      await chown(join(data, name), uid, gid);
    }
  const port = await freePort();
  const stack = new AsyncDisposableStack();
  let child: Bun.Subprocess | undefined;
  const sql = async (text: string, database = "images"): Promise<readonly unknown[]> => {
    const client = new SQL(`postgres://localhost:${port}/${database}`, {
      adapter: "postgres",
      username: "images",
      path: join(directory, `.s.PGSQL.${port}`),
      max: 1,
    });
    try {
      return await client.unsafe(text);
    } finally {
      await client.close({ timeout: 0 }).catch(() => undefined);
    }
  };
  const start = async (): Promise<void> => {
    const settings = ["listen_addresses=127.0.0.1", `unix_socket_directories=${directory}`, "fsync=off", ...more];
    if (tls !== undefined) settings.push("ssl=on");
    const words = settings.flatMap((setting) => ["-c", setting]);
    child = Bun.spawn([...prefix, `${bin}/postgres`, "-D", data, "-p", `${port}`, ...words], {
      cwd: "/",
      stdio: ["ignore", "ignore", Bun.file(join(directory, "log"))],
    });
    while (
      !(await sql("select 1", "postgres").then(
        () => true,
        () => false,
      ))
    ) {
      if (child.exitCode !== null) throw new Error(await Bun.file(join(directory, "log")).text());
      await Bun.sleep(20);
    }
  };
  const stop = async (how: "SIGKILL" | "SIGINT"): Promise<void> => {
    child?.kill(how);
    await child?.exited;
  };
  await start();
  await sql("create database images", "postgres");
  return {
    port,
    directory,
    sql,
    start,
    stop,
    url: (name, extra = "", user = "images") => `postgres://${user}@127.0.0.1:${port}/images?name=${name}${extra}`,
    open(url, over = {}) {
      const means = {
        env: { HOME: "/nonexistent" },
        maskSecret: () => undefined,
        login: async () => ({ username: undefined, password: undefined }),
        ...over,
      };
      const { storage, close } = postgresStorage(parsePostgres(url), means);
      stack.use(close);
      return storage;
    },
    async [Symbol.asyncDispose]() {
      await stack.disposeAsync();
      await stop("SIGINT");
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** A pooler before a server, with so few sessions that two clients share one where its mode allows it. */
export async function pgbouncer(server: Postgres, mode: "session" | "transaction") {
  const { prefix, uid, gid } = asUser();
  const directory = await reachable("images-pgbouncer-");
  const port = await freePort();
  const size = mode === "session" ? 10 : 1;
  await Bun.write(
    join(directory, "ini"),
    `[databases]\nimages = host=127.0.0.1 port=${server.port} user=images password=the-password dbname=images\n[pgbouncer]\nlisten_addr=127.0.0.1\nlisten_port=${port}\nunix_socket_dir=\nauth_type=any\npool_mode=${mode}\ndefault_pool_size=${size}\n`,
  );
  await chown(directory, uid, gid);
  await chown(join(directory, "ini"), uid, gid);
  const child = Bun.spawn([...prefix, programAt("pgbouncer") ?? "pgbouncer", join(directory, "ini")], {
    cwd: "/",
    stdio: ["ignore", "ignore", "ignore"],
  });
  while (
    !(await fetch(`http://127.0.0.1:${port}`).then(
      () => true,
      (error: unknown) => !/refused|Unable/.test(String(error)),
    ))
  ) {
    if (child.exitCode !== null) throw new Error(`pgbouncer ended with ${child.exitCode}`);
    await Bun.sleep(20);
  }
  return {
    port,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      await rm(directory, { recursive: true, force: true });
    },
  };
}
