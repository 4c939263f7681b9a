import { Failure } from "images";
import type { Client } from "./client.ts";
import type { Waiting } from "./operations.ts";

/** What Incus answers for bytes that it has: `The image already exists: FINGERPRINT`. */
const EXISTS = /already exists: ([0-9a-f]{64})\b/i;
const ATTEMPTS = 3;

/**
 * The fingerprint of what the server makes of `body`. The publication of an interrupted run that came to its end meanwhile is the image
 * itself. `isThere`: whether an image of those bytes is there and is ours.
 * @throws Failure of `isThere` when those bytes belong to another
 */
export async function published(
  client: Client,
  body: Readonly<Record<string, unknown>>,
  waiting: Waiting,
  isThere: (fingerprint: string) => Promise<boolean>,
): Promise<string | undefined> {
  for (let attempt = 1; ; attempt++) {
    try {
      return (await client.operations.wait(await client.make(body), waiting)).fingerprint;
    } catch (thrown) {
      const [, fingerprint] = (thrown instanceof Failure && EXISTS.exec(thrown.message)) || [];
      if (fingerprint === undefined || attempt === ATTEMPTS) throw thrown;
      if (await isThere(fingerprint)) return fingerprint;
    }
  }
}
