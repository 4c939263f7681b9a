import { createHash } from "node:crypto";
import type { PostgresLocation } from "./location.ts";

/** The session that a statement runs in, as no other one is ever called. */
export const BACKEND =
  "(select pid || '/' || extract(epoch from backend_start)::text from pg_stat_activity where pid = pg_backend_pid())";

/** The number of the advisory lock of a state. */
export function advisoryKey({ schema, name }: Pick<PostgresLocation, "schema" | "name">, generation: number): string {
  const digest = createHash("sha256").update(`images ${schema} ${name} ${generation}`).digest();
  return digest.readBigInt64BE(0).toString();
}

export const text = (value: unknown): string => (typeof value === "string" ? value : "");
/** bigint comes as a text. */
export const number = (value: unknown): number => Number(value ?? 0);
