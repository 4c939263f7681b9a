import { Failure, type Format, type Part } from "images";
import type { IncusClient } from "./client.ts";
import type { MultipartFiles, TaggedFile } from "./multipart.ts";
import { filesOf } from "./origin.ts";
import type { IncusImageAnswer } from "./wire.ts";

/** The files of an image, each to be had by itself. With the last one, the fingerprint over all of them is checked. */
export async function partsIn(
  client: IncusClient,
  image: IncusImageAnswer,
  signal: AbortSignal,
): Promise<readonly Part[]> {
  const files = await filesOf(client, image, signal);
  return files.parts.map(({ name, filename }, index): Part => {
    const isLast = index === files.parts.length - 1;
    return {
      name: filename,
      format: formatOf(name, filename),
      ...(files.parts.length === 1 ? { size: image.size } : {}),
      open: (again) => (isLast ? last(files, index, image.fingerprint, again) : only(files, index, again)),
    };
  });
}

function formatOf(name: string, filename: string): Format {
  if (name === "rootfs.img") return "qcow2";
  return /\.squashfs$/.test(filename) ? "squashfs" : "tar";
}

async function* only({ open }: MultipartFiles, index: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  for await (const { part, bytes } of open(signal)) {
    if (part > index) return;
    if (part === index && bytes.byteLength > 0) yield bytes;
  }
}

async function* last(
  { open }: MultipartFiles,
  index: number,
  fingerprint: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const hash = new Bun.CryptoHasher("sha256");
  let held: TaggedFile | undefined;
  for await (const piece of open(signal)) {
    if (piece.bytes.byteLength === 0) continue;
    hash.update(piece.bytes);
    if (held?.part === index) yield held.bytes;
    held = piece;
  }
  const found = hash.digest("hex");
  if (found !== fingerprint)
    throw new Failure("source.digest", `fingerprint mismatch: expected ${fingerprint}, got ${found}`, {
      hint: "try again; if it fails again, the image on the server is damaged",
    });
  if (held?.part === index) yield held.bytes;
}
