import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Context, Failure, type Host, type HttpClient, hexOf, type Source } from "images";
import { inMB, MOST_PACKED, MOST_RAW, tooMuch } from "./rules.ts";

/**
 * Whether the storage behind the upload URLs is known to want the length of a body before its first byte. Both ways are seen in Linode's
 * own clients, so a body of unknown length is sent as it is made, until that is refused.
 */
export class LinodeUploads {
  readonly #http: HttpClient;
  readonly #host: Pick<Host, "scratch">;
  #wantsLength = false;

  constructor(http: HttpClient, host: Pick<Host, "scratch">) {
    this.#http = http;
    this.#host = host;
  }

  /** Sends the bytes to a signed URL. @throws Failure source.digest when what arrived is something else */
  async send(url: string, source: Source, context: Context): Promise<void> {
    const body = limited(source);
    if (source.size !== undefined || !this.#wantsLength) {
      try {
        return await this.#put(url, body, context);
      } catch (thrown) {
        if (source.size !== undefined || !isForLength(thrown)) throw thrown;
        this.#wantsLength = true;
      }
    }
    context.note("the upload needs its length in advance: the image is compressed into a temporary file first");
    await using file = await this.#temporary();
    const size = await written(file, body, context);
    await this.#put(url, { ...body, size, open: (signal) => pieces(file, signal) }, context);
  }

  /** A file without a name: it is gone with the process, however that ends. */
  async #temporary(): Promise<FileHandle> {
    const path = join(await this.#host.scratch(), `linode-${crypto.randomUUID()}`);
    const file = await open(path, "wx+", 0o600);
    await rm(path);
    return file;
  }

  async #put(url: string, source: Source, { signal, progress }: Context): Promise<void> {
    // Twice is as good as once: a later body takes the place of an earlier one.
    const answer = await this.#http.send("PUT", url, { signal, source, progress, idempotent: true });
    await answer.text();
    // Object storage answers with the MD5 of what it got, where it stored it in one piece and in the clear.
    const etag = /^"?([0-9a-f]{32})"?$/i.exec(answer.headers.get("etag") ?? "")?.[1]?.toLowerCase();
    const sent = (await source.digests()).md5;
    if (etag === undefined || sent === undefined || hexOf(sent) === etag) return;
    throw new Failure(
      "source.digest",
      `checksum mismatch of the upload: sent MD5 ${hexOf(sent)}, Linode received ${etag}`,
      {
        hint: "the bytes were changed on the way: apply again",
      },
    );
  }
}

/** @throws Failure backend.limits, as far as a source tells beforehand what it comes to */
export function refuseTooLarge({ size, virtualSize, compression }: Source, most = MOST_RAW): void {
  const raw = virtualSize ?? (compression === "none" ? size : undefined);
  if (raw !== undefined && raw > most)
    throw new Failure("backend.limits", `the disk is ${inMB(raw)} MB; Linode accepts ${inMB(most)} MB`, {
      hint: "shrink the disk before the upload (qemu-img resize --shrink, virt-sparsify)",
    });
  if (size !== undefined && compression !== "none" && size > MOST_PACKED) throw refusal(size);
}

function refusal(bytes: number): Failure {
  const { code, message, hint } = tooMuch(bytes);
  return new Failure(code, message, { hint });
}

/** The same bytes, broken off as soon as they are more than Linode takes. */
const limited = (source: Source): Source => ({
  format: source.format,
  compression: source.compression,
  filename: source.filename,
  ...(source.size === undefined ? {} : { size: source.size }),
  digests: () => source.digests(),
  async *open(signal) {
    let bytes = 0;
    for await (const piece of source.open(signal)) {
      bytes += piece.byteLength;
      if (bytes > MOST_PACKED) throw refusal(bytes);
      yield piece;
    }
  },
});

/** 411 is the answer of most; Amazon's says 501 of the header. */
const isForLength = (thrown: unknown): boolean =>
  thrown instanceof Failure && (thrown.request?.status === 411 || thrown.request?.status === 501);

async function written(file: FileHandle, source: Source, { signal }: Context): Promise<number> {
  let size = 0;
  for await (const piece of source.open(signal)) {
    signal.throwIfAborted();
    await file.writev([piece], size);
    size += piece.byteLength;
  }
  return size;
}

async function* pieces(file: FileHandle, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  for (let at = 0; ; ) {
    signal.throwIfAborted();
    const { bytesRead, buffer } = await file.read(new Uint8Array(1 << 20), 0, 1 << 20, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
