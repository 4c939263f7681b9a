import { type Desired, Failure } from "images";
import { isTwice } from "./client.ts";
import { type Notes, toProperties } from "./image.ts";
import type { Waiting } from "./operations.ts";
import type { Place } from "./places.ts";
import type { Image } from "./schema.ts";

/** What Incus answers for bytes that it has: `The image already exists: FINGERPRINT`. */
const FINGERPRINT = /\b([0-9a-f]{64})\b/;
const ATTEMPTS = 3;

/** An image that the server is to make of an instance. */
export interface Publishing {
  readonly place: Place;
  readonly want: Desired<Image>;
  readonly notes: Notes;
  /** Whether an image of those bytes is there and is ours. */
  readonly isThere: (fingerprint: string) => Promise<boolean>;
}

/**
 * The fingerprint of what the server makes of the instance. The publication of an interrupted run that came to its end meanwhile is the
 * image itself.
 * @throws Failure of `isThere` when those bytes belong to another
 */
export async function published(
  { place, want, notes, isThere }: Publishing,
  waiting: Waiting,
): Promise<string | undefined> {
  const { client } = place;
  const { compression, source_instance: { name, snapshot } = { name: "" } } = want;
  const source =
    snapshot === undefined ? { type: "instance", name } : { type: "snapshot", name: `${name}/${snapshot}` };
  const properties = { ...want.properties, ...toProperties(notes) };
  const packing = compression === undefined ? {} : { compression_algorithm: compression };
  const body = { source, properties, public: false, ...packing };
  for (let attempt = 1; ; attempt++) {
    try {
      return (await client.operations.wait(await client.make(body), waiting)).fingerprint;
    } catch (thrown) {
      if (!(thrown instanceof Failure) || !isTwice(thrown.message) || attempt === ATTEMPTS) throw thrown;
      const fingerprint = FINGERPRINT.exec(thrown.message)?.[1] ?? (await waiting.found())?.fingerprint;
      if (fingerprint !== undefined && (await isThere(fingerprint))) return fingerprint;
    }
  }
}
