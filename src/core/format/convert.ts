import { chmod, type FileHandle, mkdtemp, open, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Format } from "../model/image.ts";
import { FileAccess } from "./access.ts";
import { type ByteStream, gathered, PIECE } from "./bytes.ts";
import { corrupt, empty, needsFile, unsupported } from "./failures.ts";
import { WINDOW } from "./identify.ts";
import { DEFAULT_LIMIT, limited, tooLarge } from "./limit.ts";
import { givenToNobody, NOBODY, type QemuOptions, qemuImg } from "./qemu.ts";
import { sparse, writeSparse } from "./segment.ts";
import { refuseUnsafe, refuseUnsafeFile } from "./unsafe.ts";

/** Disks that are converted with qemu-img, and what it calls them. */
const DRIVER = { vmdk: "vmdk", vhd: "vpc", vhdx: "vhdx", vdi: "vdi", qed: "qed", parallels: "parallels" } as const;
type Convertible = keyof typeof DRIVER;
export type Conversion = `${Convertible}->raw` | `${Convertible}->qcow2`;
const CONVERTIBLE = ["vmdk", "vhd", "vhdx", "vdi", "qed", "parallels"] as const satisfies readonly Convertible[];
export const isConvertible = (format: Format): format is Convertible => format in DRIVER;

const IN = "in";
const OUT = "out";

interface ConvertOptions {
  /** Where temporary files may be made: the image, and what becomes of it. */
  readonly directory?: string | undefined;
  /** The largest image, and the largest disk. Default: 1 TiB. */
  readonly limit?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A disk as raw or qcow2, by qemu-img. The image is copied into a directory of its own first, the only one that qemu-img writes to, so
 * that all of its bytes have been seen (and verified upstream) before it begins. Fails with `source.format` where the image is not
 * whole by itself, `source.limit`, and as qemu-img does.
 */
export async function* convert(
  input: ByteStream,
  step: Conversion,
  options: ConvertOptions,
): AsyncGenerator<Uint8Array> {
  const from = CONVERTIBLE.find((one) => step.startsWith(`${one}->`)) ?? "vmdk";
  const to = step.endsWith("->raw") ? "raw" : "qcow2";
  const { directory, limit = DEFAULT_LIMIT, signal } = options;
  if (directory === undefined) throw needsFile(`a ${from} image is converted in temporary files`);
  const place = await mkdtemp(join(directory, ".images-convert-"));
  try {
    await spool(limited(input, limit, `the ${from} image`), join(place, IN), signal);
    await check(join(place, IN), from, signal);
    const out = await open(join(place, OUT), "wx+", 0o600);
    try {
      const asNobody = await givenToNobody(place);
      if (asNobody) {
        await out.chown(NOBODY, NOBODY);
        await chmod(join(place, IN), 0o444);
      }
      const within = { directory: place, limit, asNobody, signal };
      await inspect(from, within);
      await qemuImg(["check", "-q", "-f", DRIVER[from], IN], within);
      await qemuImg(["convert", "-f", DRIVER[from], "-O", to, IN, OUT], within);
      yield* result(out, to, signal);
    } finally {
      await out.close();
    }
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

async function spool(input: ByteStream, path: string, signal: AbortSignal | undefined): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await writeSparse(file, sparse(gathered(input, PIECE), signal), signal);
  } finally {
    await file.close();
  }
}

/** By our own reading of its headers, before another program sees it. */
async function check(path: string, format: Format, signal: AbortSignal | undefined): Promise<void> {
  await using file = await FileAccess.open(path, signal);
  const head = await file.read(0, WINDOW);
  refuseUnsafe(format, head, file.size, await file.read(Math.max(0, file.size - 512), 512));
  await refuseUnsafeFile(format, file);
}

/** By qemu-img's reading of them: one file, and a disk within the limit. */
async function inspect(from: Convertible, options: QemuOptions) {
  const info: unknown = JSON.parse(await qemuImg(["info", "--output=json", "-f", DRIVER[from], IN], options));
  if (typeof info !== "object" || info === null || !("virtual-size" in info))
    throw corrupt(`the ${from} image is damaged`);
  const size = info["virtual-size"];
  if (typeof size !== "number" || size > options.limit) throw tooLarge(`the disk in the ${from} image`, options.limit);
  if (size === 0) throw empty(`the disk in the ${from} image`);
  const names = [...JSON.stringify(info).matchAll(/"(?:full-)?backing-filename"|"data-file"|"filename":"([^"]*)"/g)];
  if (names.some(([, name]) => name !== IN)) {
    throw unsupported(`a ${from} image that needs other files`, "merge its files into one image with qemu-img convert");
  }
}

/** What came out, by the file that was made for it: whatever now has its name. */
async function* result(
  out: FileHandle,
  to: "raw" | "qcow2",
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const file = await FileAccess.of(out, signal);
  if (file.size === 0) throw corrupt("nothing came out of the conversion");
  refuseUnsafe(to, await file.read(0, WINDOW), file.size);
  await refuseUnsafeFile(to, file);
  yield* file.pieces();
}
