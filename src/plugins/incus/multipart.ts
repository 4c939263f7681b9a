import { type Digests, Failure } from "images";

// multipart/form-data as Incus takes and gives images in two files: `metadata`, then `rootfs` or `rootfs.img`.

/** Some bytes of one of the files of an image. */
export interface TaggedFile {
  /** 0 is the first file. */
  readonly part: number;
  readonly bytes: Uint8Array;
}

/** The files of an image, one after the other. */
export interface MultipartFiles {
  /** By their names in the form; one alone is sent as it is. */
  readonly parts: readonly { readonly name: string; readonly filename: string }[];
  /** Bytes of all of them, where that is known. */
  readonly size?: number | undefined;
  open(signal: AbortSignal): AsyncIterable<TaggedFile>;
  /** The first of several, where the next ones stay untouched by it: to ask for their first byte may be to convert all of a disk. */
  first?(signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** What all that `open` gave hashes to, once it has ended, where that is made on the way already. */
  digests?(): Promise<Digests>;
}

const text = new TextEncoder();

const head = ({ parts }: MultipartFiles, part: number, boundary: string): Uint8Array => {
  const { name = "", filename = "" } = parts[part] ?? {};
  const disposition = `form-data; name="${name}"; filename="${filename.replaceAll(/["\\\r\n]/g, "_")}"`;
  const before = part === 0 ? "" : "\r\n";
  return text.encode(
    `${before}--${boundary}\r\nContent-Disposition: ${disposition}\r\nContent-Type: application/octet-stream\r\n\r\n`,
  );
};
const foot = (boundary: string): Uint8Array => text.encode(`\r\n--${boundary}--\r\n`);

/** Bytes that the form around the files takes. */
export const framing = (files: MultipartFiles, boundary: string): number =>
  files.parts.reduce((sum, _, part) => sum + head(files, part, boundary).byteLength, foot(boundary).byteLength);

/** The files as one form. The last piece is the foot, which comes only once all bytes were there. */
export async function* framed(
  files: MultipartFiles,
  bytes: AsyncIterable<TaggedFile>,
  boundary: string,
): AsyncGenerator<Uint8Array> {
  let current = -1;
  for await (const { part, bytes: piece } of bytes) {
    while (current < part) yield head(files, ++current, boundary);
    yield piece;
  }
  while (current < files.parts.length - 1) yield head(files, ++current, boundary);
  yield foot(boundary);
}

export const boundaryOf = (contentType: string | null): string | undefined =>
  /^multipart\/form-data;.*\bboundary="?([^";]+)"?/i.exec(contentType ?? "")?.[1];

/** What a form is made of: for each part its name and the name of its file, then its bytes. */
type Unframed = TaggedFile & { readonly name: string; readonly filename: string };

/** Takes a form apart while it comes. @throws Failure backend.answer, net.short */
export async function* unframed(form: AsyncIterable<Uint8Array>, boundary: string): AsyncGenerator<Unframed> {
  const marker = Buffer.from(`\r\n--${boundary}`);
  let rest: Buffer = Buffer.from("\r\n");
  let current: Omit<Unframed, "bytes"> | undefined;
  let part = -1;
  let isOver = false;
  for await (const piece of form) {
    if (isOver) continue;
    rest =
      rest.byteLength === 0
        ? Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)
        : Buffer.concat([rest, piece]);
    for (;;) {
      const at = rest.indexOf(marker);
      if (at < 0) {
        // The beginning of a marker may stand at the end.
        const keep = tail(rest, marker);
        const sure = rest.byteLength - keep;
        if (current !== undefined && sure > 0) yield { ...current, bytes: rest.subarray(0, sure) };
        rest = Buffer.from(rest.subarray(sure));
        break;
      }
      const after = at + marker.byteLength;
      if (rest.byteLength < after + 2) break;
      const isLast = rest.subarray(after, after + 2).toString("latin1") === "--";
      const end = isLast ? after : rest.indexOf("\r\n\r\n", after);
      if (end < 0) {
        if (rest.byteLength - after > 16_384)
          throw new Failure("backend.answer", "the parts of the image have no valid beginning");
        break;
      }
      if (current !== undefined && at > 0) yield { ...current, bytes: rest.subarray(0, at) };
      isOver = isLast;
      if (isLast) break;
      const header = rest.subarray(after, end).toString("utf8");
      part += 1;
      current = { part, name: field(header, "name"), filename: field(header, "filename") };
      yield { ...current, bytes: new Uint8Array() };
      rest = rest.subarray(end + 4);
    }
  }
  if (!isOver) throw new Failure("net.short", "the image ended early", { retry: true, hint: "try again" });
}

const field = (header: string, name: string): string => new RegExp(`[; ]${name}="([^"]*)"`).exec(header)?.[1] ?? "";

/** How many bytes at the end may be the beginning of the marker. */
function tail(bytes: Buffer, marker: Buffer): number {
  for (let length = Math.min(marker.byteLength - 1, bytes.byteLength); length > 0; length--)
    if (bytes.subarray(bytes.byteLength - length).equals(marker.subarray(0, length))) return length;
  return 0;
}
