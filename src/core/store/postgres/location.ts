import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { homeOf, userName } from "../../disk/account.ts";
import { Failure } from "../../failure.ts";

export type PostgresEnv = Readonly<Record<string, string | undefined>>;

/** `postgres://USER@HOST:PORT/DATABASE?name=NAME&…`: what a state in a database is named by. */
export interface PostgresLocation {
  readonly url: URL;
  /** Which of the states in that schema. */
  readonly name: string;
  readonly schema: string;
}

const MODES = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];
const OPTIONS = ["name", "schema", "sslmode", "sslrootcert", "sslcert", "sslkey", "connect_timeout", "host"];

/** @throws Failure config.value, config.secret */
export function parsePostgres(text: string): PostgresLocation {
  const wrong = (message: string, hint: string): Failure => new Failure("config.value", `state: ${message}`, { hint });
  if (!URL.canParse(text))
    throw wrong("invalid postgres:// URL", "for example postgres://user@host/database?name=prod");
  const url = new URL(text);
  if (url.password !== "")
    throw new Failure("config.secret", "state has a password in its URL", {
      hint: 'take it out of the URL, and write state_password = "env:NAME"; PGPASSWORD and ~/.pgpass count too',
    });
  for (const name of url.searchParams.keys())
    if (!OPTIONS.includes(name))
      throw wrong(`unknown option ${JSON.stringify(name)} of a postgres:// URL`, `there is: ${OPTIONS.join(", ")}`);
  const name = url.searchParams.get("name") ?? "";
  // Without one, two files with the same database would share a state, and delete each other's images.
  if (!/^[\w][\w./-]{0,199}$/.test(name))
    throw wrong(
      name === "" ? "a postgres:// URL names the state" : `invalid name ${JSON.stringify(name)}`,
      "add ?name=NAME (letters, digits, _ - . /): each images.toml has a state of its own",
    );
  const schema = url.searchParams.get("schema") ?? "images";
  if (!/^[A-Za-z_]\w{0,62}$/.test(schema))
    throw wrong(`invalid schema ${JSON.stringify(schema)}`, "letters, digits, _");
  const mode = url.searchParams.get("sslmode");
  if (mode !== null && !MODES.includes(mode)) throw wrong(`invalid sslmode ${mode}`, `expected ${MODES.join(", ")}`);
  return { url, name, schema };
}

/** How a database is reached, with what the environment says of it. */
export interface PostgresTarget {
  /** A directory when it is a socket of this machine. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly username: string;
  readonly password?: string;
  readonly mode: string;
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** Seconds. */
  readonly timeout: number;
}

export interface PostgresLogin {
  readonly username: string | undefined;
  readonly password: string | undefined;
}

/** The URL, then PG* variables, then libpq's defaults. @throws Failure config.secret for a file that cannot be read */
export async function targetOf(
  { url }: PostgresLocation,
  login: PostgresLogin,
  env: PostgresEnv,
): Promise<PostgresTarget> {
  const option = (name: string, variable: string): string | undefined => url.searchParams.get(name) ?? env[variable];
  const host = url.searchParams.get("host") ?? (decodeURIComponent(url.hostname) || env["PGHOST"] || "localhost");
  const port = Number(url.port || env["PGPORT"] || 5432);
  const username = login.username ?? (decodeURIComponent(url.username) || env["PGUSER"] || userName());
  const database = decodeURIComponent(url.pathname.slice(1)) || env["PGDATABASE"] || username;
  const password = login.password ?? env["PGPASSWORD"] ?? (await passwordOf({ host, port, database, username }, env));
  const root = option("sslrootcert", "PGSSLROOTCERT");
  const mode = option("sslmode", "PGSSLMODE") ?? "prefer";
  const files = { ca: root, cert: option("sslcert", "PGSSLCERT"), key: option("sslkey", "PGSSLKEY") };
  const tls: Record<string, string> = {};
  for (const [name, path] of Object.entries(files)) if (path !== undefined) tls[name] = await pem(path);
  return {
    host,
    port,
    database,
    username,
    ...(password === undefined ? {} : { password }),
    // As libpq: a root certificate is there to be compared.
    mode: mode === "require" && root !== undefined ? "verify-ca" : mode,
    tls,
    timeout: Number(option("connect_timeout", "PGCONNECT_TIMEOUT") ?? 15),
  };
}

async function pem(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new Failure("config.secret", `${path} cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}

/** ~/.pgpass: the first line that fits. Like libpq, a file that others can read does not count. */
async function passwordOf(
  target: Pick<PostgresTarget, "host" | "port" | "database" | "username">,
  env: PostgresEnv,
): Promise<string | undefined> {
  const path = env["PGPASSFILE"] ?? join(homeOf(env), ".pgpass");
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || !found.isFile() || (found.mode & 0o077) !== 0) return undefined;
  const isSocket = target.host.startsWith("/");
  const wanted = [isSocket ? "localhost" : target.host, `${target.port}`, target.database, target.username];
  for (const line of (await readFile(path, "utf8")).split(/\r?\n/)) {
    if (line.startsWith("#")) continue;
    const fields = [...line.matchAll(/((?:\\.|[^:\\])*)(?::|$)/g)].map(([, text = ""]) => text.replace(/\\(.)/g, "$1"));
    if (fields.length > 4 && wanted.every((value, i) => fields[i] === "*" || fields[i] === value)) return fields[4];
  }
  return undefined;
}
