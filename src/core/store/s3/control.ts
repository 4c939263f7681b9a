import { isHolder } from "../../disk/lock.ts";
import { Failure } from "../../failure.ts";
import type { Holder } from "../../model/state.ts";
import { count, listOf, type Rule, table, text, wrong } from "../shape.ts";
import type { S3Location } from "./location.ts";
import type { Objects } from "./objects.ts";

// One small object, KEY.lock, says who holds the lock and which runs have not ended, and has the last lines of their journals: so that
// each write of a run is one conditional request, which fails once the lock was taken from it, and renews it otherwise.

/** The journal of a run that has not ended. */
export interface OpenJournal {
  readonly run: string;
  /** So many parts of it are objects of their own: `KEY.journal/RUN/000001`. */
  readonly parts: number;
  /** What came after them. */
  readonly tail: string;
}

export interface S3Control {
  readonly version: 1;
  /** Says which write this is: one that arrived though its answer did not is known by it. */
  readonly write: string;
  readonly holder?: Holder;
  /** Seconds without a write after which the holder counts as gone. */
  readonly lease: number;
  /** The store that was seen to honour conditions. */
  readonly proven?: string;
  readonly open: readonly OpenJournal[];
}

const NO_CONTROL: S3Control = { version: 1, write: "", lease: 0, open: [] };

const holder: Rule = (value) => (isHolder(value) ? undefined : wrong("expected a holder"));
const rule = table(
  {
    version: (value) => (value === 1 ? undefined : wrong("expected version 1")),
    write: text,
    lease: count,
    open: listOf(table({ run: text, parts: count, tail: text })),
  },
  { holder, proven: text },
);
const isControl = (value: unknown): value is S3Control => rule(value) === undefined;

/** @throws Failure state.lock when it is not as it was written */
function parseControl(text: string, where: string): S3Control {
  try {
    const value: unknown = JSON.parse(text);
    if (isControl(value)) return value;
  } catch {
    // Said below.
  }
  throw new Failure(
    "state.lock",
    `${where} does not name the holder of the lock: it is damaged, or of a newer version`,
    {
      hint: "use the version of images that wrote it; if no other run is active, delete that object",
    },
  );
}

export const showControl = (control: S3Control): string => `${JSON.stringify(control)}\n`;

/** What is read of KEY.lock. */
export interface S3Read {
  readonly control: S3Control;
  /** None: there is no such object yet. */
  readonly etag?: string;
  /** Seconds since its last write, by the clock of the store; 0 where that does not tell. */
  readonly age: number;
}

export const lockKey = (place: S3Location): string => `${place.key}.lock`;

export async function readControl(objects: Objects, signal: AbortSignal): Promise<S3Read> {
  const key = lockKey(objects.place);
  const found = await objects.get(key, signal);
  if (found === undefined) return { control: NO_CONTROL, age: 0 };
  const control = parseControl(found.text, `s3://${objects.place.bucket}/${key}`);
  // Both by the clock of the store: that of this machine may be off.
  const age = Math.max(0, (found.asked ?? 0) - (found.modified ?? Infinity)) / 1000;
  return { control, etag: found.etag, age };
}
