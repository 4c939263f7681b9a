import { type Code, Failure } from "../../failure.ts";
import type { PostgresLocation } from "./location.ts";

/** The SQLSTATE that a server answered, and Bun's own code. */
function codesOf(error: unknown): { readonly state: string; readonly code: string } {
  if (!(error instanceof Error)) return { state: "", code: "" };
  const said = (name: string): string => {
    const value: unknown = Object.getOwnPropertyDescriptor(error, name)?.value;
    return typeof value === "string" ? value : "";
  };
  return { state: said("errno"), code: said("code") };
}

/** The connection broke, or the server stops or starts: what was asked may have been done. */
const BROKEN = /^(?:08\w{3}|57P0[123])$/;
const GONE = /CONNECTION|TIMEOUT|ECONN|EPIPE|CLOSED/;

export const isBroken = (error: unknown): boolean =>
  error instanceof Failure && error.code === "state.remote" && error.retry !== false;

/** What a database refused: what was asked of which object, and what to grant. A Failure passes as it is. */
export function explained(error: unknown, where: string, place: PostgresLocation): unknown {
  if (error instanceof Failure || !(error instanceof Error)) return error;
  const { state, code } = codesOf(error);
  if (state === "" && !/^(?:ERR_|E[A-Z]+|DEPTH_|CERT_|SELF_|UNABLE_)/.test(code)) return error;
  const isGone = BROKEN.test(state) || (state === "" && GONE.test(code));
  const [kind, hint] = meant(state, code, error.message, place);
  const shown = state === "" ? code : state;
  return new Failure(kind, `the state in ${where}: ${error.message} (${shown})`, {
    cause: error,
    hint,
    retry: isGone || state === "53300",
  });
}

function meant(state: string, code: string, message: string, { url, schema }: PostgresLocation): [Code, string] {
  const database = url.pathname.slice(1);
  switch (state) {
    case "42501":
      return ["state.denied", grants(message, schema, database)];
    case "25006":
      return ["state.readonly", "connect to the primary: this server is a standby, or its transactions are read-only"];
    case "28P01":
    case "28000":
      return [
        "state.remote",
        "check the user, and the password in state_password, PGPASSWORD or ~/.pgpass (readable by its owner only)",
      ];
    case "3D000":
      return ["state.remote", `create the database (createdb ${database}), or correct its name`];
    case "53100":
      return ["state.space", "free space on the disk of the database server; the recorded state is kept"];
    case "53300":
      return ["state.remote", "the server has no connection left: try again, or raise max_connections"];
    default:
      return ["state.remote", connection(state, code)];
  }
}

function connection(state: string, code: string): string {
  if (code === "ERR_POSTGRES_TLS_NOT_AVAILABLE")
    return "the server has no TLS: set ?sslmode=disable, or enable TLS there";
  if (/CERT|TLS|SSL|SIGN/.test(code)) return "check ?sslmode= and ?sslrootcert= of the state";
  if (GONE.test(code) || BROKEN.test(state)) return "check host and port, and that the server is running";
  return "see the log of the database server";
}

function grants(message: string, schema: string, database: string): string {
  if (/for database/.test(message))
    return `GRANT CREATE ON DATABASE "${database}" TO the user, or let its owner run images once`;
  return `GRANT USAGE, CREATE ON SCHEMA "${schema}" TO the user; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "${schema}" TO the user`;
}
