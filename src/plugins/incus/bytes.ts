import { type ByteRequirements, type Desired, Failure, passThrough, type Source } from "images";
import { metadataTar } from "./metadata.ts";
import type { MultipartFiles, TaggedFile } from "./multipart.ts";
import type { IncusImage } from "./schema.ts";

/** What bytes we take: an image of Incus as it is, and bare disks and root file systems. */
export const wanted = ({ vm, fingerprint }: Desired<IncusImage>): ByteRequirements => ({
  formats: ["qcow2", "tar", "squashfs"],
  compressions: vm === true && fingerprint === undefined ? ["none"] : "any",
});

type Described = Pick<Desired<IncusImage>, "vm" | "architecture" | "properties">;

/** The files of the image that a source is; a bare one gets metadata of our own. @throws Failure source.format */
export async function filesFrom(
  source: Source,
  want: Described,
  native: () => Promise<string>,
): Promise<MultipartFiles> {
  const { format, compression, filename, metadata } = source;
  const isDisk = format === "qcow2";
  if (isDisk && compression !== "none")
    throw new Failure(
      "source.format",
      `the disk ${filename} is compressed with ${compression}, which Incus does not support`,
      {
        hint: "set decompress = true in source",
      },
    );
  if (isDisk && want.vm === false)
    throw new Failure("source.format", `${filename} is the disk of a virtual machine`, {
      hint: "set vm = true, or remove it",
    });
  if (format === "squashfs" && want.vm === true)
    throw new Failure("source.format", `${filename} is the root file system of a container`, {
      hint: "remove `vm`",
    });
  if (format === "tar" && metadata === undefined) return one(source);
  const first = metadata ?? (await made(want, native));
  const size = source.size === undefined || first.size === undefined ? undefined : source.size + first.size;
  const open = async function* (signal: AbortSignal): AsyncGenerator<TaggedFile> {
    for await (const bytes of passThrough(first, signal)) yield { part: 0, bytes };
    for await (const bytes of passThrough(source, signal)) yield { part: 1, bytes };
  };
  const parts = [
    { name: "metadata", filename: first.filename },
    { name: isDisk ? "rootfs.img" : "rootfs", filename },
  ];
  return { parts, size, open, first: (signal) => passThrough(first, signal) };
}

function one(source: Source): MultipartFiles {
  const open = async function* (signal: AbortSignal): AsyncGenerator<TaggedFile> {
    for await (const bytes of passThrough(source, signal)) yield { part: 0, bytes };
  };
  const parts = [{ name: "rootfs", filename: source.filename }];
  return { parts, size: source.size, open, digests: () => source.digests() };
}

/** Each is another one, so that the same disk made into an image twice gives two images. Properties are those that are wanted, no more. */
async function made(want: Described, native: () => Promise<string>) {
  const architecture = want.architecture ?? (await native());
  const { properties = {} } = want;
  const bytes = metadataTar({ architecture, created: new Date(), properties, serial: crypto.randomUUID() });
  return {
    filename: "metadata.tar",
    size: bytes.byteLength,
    async *open() {
      yield bytes;
    },
  };
}
