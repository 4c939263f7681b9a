import type { Part } from "../abilities.ts";
import type { Digests } from "../model/digest.ts";
import type { Phase } from "../model/image.ts";
import type { Address } from "../model/name.ts";
import type { Content } from "../model/source.ts";
import type { HttpClient, HttpOptions } from "../net/client.ts";
import type { Clock } from "../net/clock.ts";

/** What the program gives, so that bytes can be had. */
export interface SourceContext {
  /** A way to a server, with retries, proxies and redaction. Closed by its caller. */
  readonly http: (options: HttpOptions) => HttpClient;
  /** The secret behind a reference; a text that is no reference as it is. @throws Failure config.secret */
  readonly secret: (reference: string) => Promise<string>;
  /** From now on this text is hidden wherever it would be printed. */
  readonly maskSecret?: (secret: string) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Of the run: ends all downloads; what has come of them is kept for the next run. */
  readonly signal: AbortSignal;
  /** The files of an image, streamed out of its backend. */
  readonly download?: (address: Address, signal: AbortSignal) => Promise<readonly Part[]>;
  /** What the state knows of an image by now. */
  readonly made?: (address: Address) => Promise<MadeImage | undefined>;
  /** A line for the user. */
  readonly note?: (text: string) => void;
  /** `[policy]` requires https, on the whole way. */
  readonly httpsOnly?: boolean;
  readonly clock?: Clock;
  readonly patience?: RetryPolicy;
  /** Bytes that an image may have. Default: 1 TiB. */
  readonly limit?: number | undefined;
}

/** What a backend gets of a local source, as far as its beginning tells. */
export interface OutgoingBytes {
  /** The bytes go as they are. */
  readonly isUntouched: boolean;
  /** Bytes of all files together, where that is known without a conversion. */
  readonly size?: number;
  /** Bytes of holes in it, where they are so many that hashing them takes long. */
  readonly holes?: number;
}

/** What the state knows of an image: what it was made from, and the digests that its backend reported. */
export interface MadeImage {
  readonly content?: Content | undefined;
  readonly digests?: Digests | undefined;
}

/** When a download is abandoned. */
export interface RetryPolicy {
  /** Tries in a row that brought next to nothing. Default 5. */
  readonly tries?: number;
  /** Seconds without a byte. Default 60. */
  readonly idle?: number;
  /** Fewer than so many bytes within so many seconds is as good as nothing. Default: 16 KiB within 60 s. */
  readonly slow?: { readonly bytes: number; readonly seconds: number };
}

/** What is to be known of a source while it is opened. */
export interface SourceRequest {
  readonly address: Address;
  /** Of the step that wants the bytes. It ends that step's reading, not a download that others share. */
  readonly signal: AbortSignal;
  /** Phases download, verify and convert; `done` counts up to `total`. */
  progress(phase: Phase, done: number, total?: number): void;
  /** What the plan was made from: other bytes are Failure source.changed. */
  readonly expected?: Content;
  /** The bytes may be wanted once more in this run: a cache that may hold nothing keeps them until its end. */
  readonly isKept?: boolean;
  /** The bytes are read for their digests, and nothing is made of them: what stays compressed is not unpacked beside. */
  readonly isCompared?: boolean;
}
