import type { World } from "./world.ts";

/** One request to the API, taken apart. */
export interface Call {
  /** What the path names, decoded: `private/123` is one. */
  readonly params: readonly string[];
  readonly query: URLSearchParams;
  /** The X-Filter header. */
  readonly filter: string | undefined;
  /** The keys that this listing can be filtered by. */
  readonly filterable: readonly string[];
  /** The parsed JSON body; undefined where there is none. */
  readonly body: unknown;
  /** True when a token was sent, and accepted. */
  readonly isKnown: boolean;
  /** Makes the URL that the bytes of an upload are to be put to. */
  readonly uploadUrl: (number: number) => string;
}

/** Answers a call with the body of a 200, or throws a Refusal. */
export type Handler = (world: World, call: Call) => unknown;
