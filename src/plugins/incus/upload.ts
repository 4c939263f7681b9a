import { randomUUID } from "node:crypto";
import { type Context, type Digest, digest, Failure, hexOf, type ImageId, type Source } from "images";
import { type IncusClient, isTwice } from "./client.ts";
import { framed, framing, type MultipartFiles, type TaggedFile } from "./multipart.ts";
import type { OperationResult } from "./operations.ts";

export interface UploadSending {
  readonly filename: string;
  readonly properties: Readonly<Record<string, string>>;
  /** The fingerprint that it must have, or its beginning. */
  readonly expected: string | undefined;
  readonly id: (fingerprint: string) => ImageId;
  /** Asked when all but the last bytes have gone: an image of this fingerprint that already exists ends it. @throws Failure */
  readonly admit: (fingerprint: string) => Promise<void>;
  /** Asked when the server says that it has an image of these bytes by now. @throws Failure when it is another's */
  readonly isOurs: (fingerprint: string) => Promise<boolean>;
}

/**
 * Sends the files of an image, and waits until the server has made the image of them. Before the last bytes go, their fingerprint is
 * computed, compared with the expected one, and reported as the id: so no image is created with an unknown id.
 * @throws Failure source.digest when it is another one, or when the server found another one
 */
export async function send(
  client: IncusClient,
  files: MultipartFiles,
  sending: UploadSending,
  context: Context,
): Promise<string> {
  const boundary = `images-${randomUUID()}`;
  const isForm = files.parts.length > 1;
  let fingerprint: string | undefined;
  let reported: string | undefined;
  let isSent = false;
  const known = async (found: string): Promise<void> => {
    if (sending.expected !== undefined && !found.startsWith(sending.expected.toLowerCase()))
      throw mismatch(sending.expected, found);
    fingerprint = found;
    if (reported === found) return;
    await sending.admit(found);
    await context.identified(sending.id(found));
    reported = found;
  };
  const size = files.size === undefined ? undefined : files.size + (isForm ? framing(files, boundary) : 0);
  const open = (signal: AbortSignal): AsyncIterable<Uint8Array> => {
    isSent = false;
    const bytes = hashed(files, signal, known);
    return ending(isForm ? framed(files, bytes, boundary) : plain(bytes), () => {
      isSent = true;
    });
  };
  const source: Source = {
    format: "other",
    compression: "none",
    filename: sending.filename,
    ...(size === undefined ? {} : { size }),
    open,
    digests: async () => (fingerprint === undefined ? {} : { sha256: digest("sha256", fingerprint) }),
  };
  const type = isForm ? `multipart/form-data; boundary=${boundary}` : "application/octet-stream";
  // Once all bytes have gone only the server's answer says what it is doing: it is waited for, and cancelled by its name.
  const stop = new AbortController();
  const follow = () => isSent || stop.abort(context.signal.reason);
  context.signal.throwIfAborted();
  context.signal.addEventListener("abort", follow);
  const upload = { source, type, properties: sending.properties, progress: context.progress };
  const operation = await client
    .upload(upload, { ...context, signal: stop.signal })
    .finally(() => context.signal.removeEventListener("abort", follow));
  const made = fingerprint;
  if (made === undefined) throw new Failure("backend.answer", "the server created an image before it had all bytes");
  const waits = (what: string) => context.progress("wait", 0, undefined, what);
  waits("the server to unpack the image");
  const there = async () =>
    (await client.image(made, context.signal)) === undefined ? undefined : { fingerprint: made };
  const result = await client.operations
    .wait(operation, {
      signal: context.signal,
      progress: (_phase, _done, _total, what) => waits(what ?? "the operation"),
      found: there,
    })
    .catch(async (thrown: unknown): Promise<OperationResult> => {
      // The answer to the first try may have been lost on its way, so that the second met what the first had made.
      if (thrown instanceof Failure && isTwice(thrown.message) && (await sending.isOurs(made))) return {};
      throw thrown;
    });
  if (result.fingerprint !== undefined && result.fingerprint !== made) throw mismatch(made, result.fingerprint);
  return made;
}

export const mismatch = (expected: string, found: string): Failure =>
  new Failure("source.digest", `fingerprint mismatch: expected ${expected}, got ${found}`, {
    hint: "correct `fingerprint` or the source",
  });

/** The pieces as they come, the last one only after `known` received the sha256 of all of them and agreed. */
async function* hashed(
  files: MultipartFiles,
  signal: AbortSignal,
  known: (fingerprint: string) => Promise<void>,
): AsyncGenerator<TaggedFile> {
  const hash = files.digests === undefined ? new Bun.CryptoHasher("sha256") : undefined;
  let held: TaggedFile | undefined;
  for await (const piece of files.open(signal)) {
    if (piece.bytes.byteLength === 0) continue;
    hash?.update(piece.bytes);
    if (held !== undefined) yield held;
    held = piece;
  }
  const made = hash?.digest("hex") ?? hexOf(await sha256Of(files));
  await known(made);
  if (held !== undefined) yield held;
}

async function sha256Of(files: MultipartFiles): Promise<Digest> {
  const made = (await files.digests?.())?.sha256;
  if (made === undefined) throw new Error("a source does not say what its bytes hash to");
  return made;
}

async function* plain(bytes: AsyncIterable<TaggedFile>): AsyncGenerator<Uint8Array> {
  for await (const { bytes: piece } of bytes) yield piece;
}

async function* ending(bytes: AsyncIterable<Uint8Array>, reported: () => void): AsyncGenerator<Uint8Array> {
  yield* bytes;
  reported();
}
