import { createHash } from "node:crypto";
import type { State } from "../model/state.ts";
import { MOST } from "../net/answer.ts";
import type { Answer } from "../net/client.ts";
import { hashing, joined, LARGE, readByPieces } from "./pieces.ts";

// A state of 70,000 images is more than the client of an API takes for one answer.

/** The text of an answer however large it is. One that says that it is small has the time limit of its call. */
export async function textOf(answer: Answer): Promise<string> {
  if (isPacked(answer) || sizeOf(answer) <= MOST) return await answer.text();
  return Buffer.concat(await Array.fromAsync(answer.stream())).toString("utf8");
}

/** A state that was read as it came; `md5` of all its bytes, in hex. */
export interface StateRead {
  readonly state: State;
  readonly md5: string;
}

/**
 * The document of a state: one that says that it is large as a state, if it is laid out as this program does it, and else
 * undefined, for the rest of it was not read; any other as text.
 */
export async function documentIn(answer: Answer): Promise<string | StateRead | undefined> {
  if (isPacked(answer) || !(sizeOf(answer) > LARGE)) return await textOf(answer);
  const hash = createHash("md5");
  const state = await readByPieces(hashing(joined(answer.stream()), hash));
  return state && { state, md5: hash.digest("hex") };
}

const isPacked = ({ headers }: Answer): boolean => !/^(?:identity)?$/i.test(headers.get("content-encoding") ?? "");

/** Bytes that an answer says it has; one that does not say may have any number. */
const sizeOf = ({ headers }: Answer): number => Number(headers.get("content-length") ?? Infinity);
