import { randomUUID } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import { Command, Option } from "clipanion";
import { canDownload, canLink, type Part } from "../../core/abilities.ts";
import { Failure } from "../../core/failure.ts";
import { hashed } from "../../core/format/hash.ts";
import { sparse, writeSparse } from "../../core/format/segment.ts";
import { ALGORITHMS, type Digest, type Digests, nameOf } from "../../core/model/digest.ts";
import type { Observed } from "../../core/model/image.ts";
import {
  type Address,
  address as addressOf,
  type BackendName,
  backendName,
  imageId,
  imageName,
  isName,
  parseAddress,
} from "../../core/model/name.ts";
import { seconds } from "../../core/model/types.ts";
import type { Backend } from "../../core/plugin.ts";
import { EXIT, FileCommand } from "../base.ts";
import { checkWritable } from "../output.ts";
import { bytes } from "../render/format.ts";
import { replaceable } from "../rewrite.ts";
import { writeFailure } from "../write-failure.ts";

export class ExportCommand extends FileCommand {
  static override readonly paths = [["export"]];
  static override readonly usage = Command.Usage({
    category: "Looking",
    description: "Download an image from a backend to a file",
    details:
      "The bytes are compared with the digest that the backend reports before the file gets its name. The metadata of a split image is written to FILE.metadata. An address without a record is found by its marker. BACKEND/ID exports an unmanaged image; on Incus, ID may be an alias or the beginning of a fingerprint.",
    examples: [
      ["An image of the store", "$0 export store/debian --out debian.qcow2"],
      ["Any image of an Incus server, by its alias", "$0 export lab/alpine/edge"],
      ["A link that needs no credentials, for a day (s3)", "$0 export store/debian --link 1d"],
    ],
  });

  readonly target = Option.String("--out", {
    description: "Output file (default: the image's name in the current directory)",
  });
  readonly link = Option.String("--link", {
    description: "Print a signed link to the disk that lasts so long, up to 7d, instead of downloading it (s3)",
  });
  readonly address = Option.String({ required: true, name: "ADDRESS" });

  protected override async prepare(): Promise<void> {
    await super.prepare();
    if (this.target !== undefined) await checkWritable("--out", resolve(this.context.cwd, this.target));
  }

  override async run(): Promise<number> {
    const [, named = "", rest = ""] = /^([^/]+)\/(.+)$/s.exec(this.address) ?? [];
    if (!isName(named))
      throw new Failure("cli.usage", `invalid address ${JSON.stringify(this.address)}`, {
        hint: "write BACKEND/IMAGE, or BACKEND/ID for an unmanaged image",
      });
    const lasting = this.#lasting();
    await using session = await this.session({ operation: "export", write: false, plugins: "first use" });
    const backend = await session.backend(backendName(named));
    const address = parseAddress(this.address) ?? anyOf(backendName(named));
    const known = (await session.store()).recorded(address);
    const reading = { signal: this.context.signal, note: (text: string) => this.note(text) };
    const managed = await backend.read({ address, ...(known?.id === undefined ? {} : { id: known.id }) }, reading);
    // An image that is not managed is meant by its id, or by whatever else its backend finds it by.
    const image = managed ?? (await backend.read({ address, id: imageId(rest) }, reading));
    if (image === undefined)
      throw new Failure("backend.missing", `there is no image ${this.address}`, {
        ...(parseAddress(this.address) === undefined ? {} : { address }),
        hint: `create it with: images apply; list existing images with: images info ${named}`,
      });
    if (this.link !== undefined) return await this.#link(backend, image, address, lasting);
    const parts = await this.#parts(backend, image, address);
    const disk = parts.at(-1);
    const path = resolve(this.context.cwd, this.target ?? basename(disk?.name ?? address));
    for (const part of parts)
      await this.#write(part, part === disk ? path : `${path}.metadata`, parts.length === 1 ? image : undefined);
    return EXIT.done;
  }

  /** Seconds that a link is to last. @throws Failure cli.usage */
  #lasting(): number {
    if (this.link === undefined) return 0;
    const found = seconds(this.link);
    if (found !== undefined && found >= 1 && found <= A_WEEK && this.target === undefined) return Math.round(found);
    throw this.target === undefined
      ? new Failure("cli.usage", `invalid --link ${JSON.stringify(this.link)}: expected a duration of 1s to 7d`, {
          hint: "for example --link 1h",
        })
      : new Failure("cli.usage", "--link and --out exclude each other", {
          hint: "--link prints a link, and writes no file",
        });
  }

  async #link(backend: Backend, { id }: Observed, address: Address, lasting: number): Promise<number> {
    if (!canLink(backend))
      throw new Failure("backend.refused", `the backend of ${address} does not sign links`, {
        address,
        hint: "download the image: images export without --link",
      });
    const reading = { signal: this.context.signal, note: (text: string) => this.note(text) };
    // Written past what hides secrets: the signature is what was asked for.
    this.context.stdout.write(`${await backend.link(id, lasting, reading)}\n`);
    return EXIT.done;
  }

  async #parts(backend: Backend, { id }: Observed, address: Address): Promise<readonly Part[]> {
    if (canDownload(backend))
      return await backend.download(id, { signal: this.context.signal, note: (text) => this.note(text) });
    throw new Failure("backend.refused", `the backend of ${address} does not support downloads`, { address });
  }

  /** Beside the file, checked, then in its place: a file of that name is whole or not there. A device or a pipe gets the bytes as they come. */
  async #write(part: Part, path: string, image: Observed | undefined): Promise<void> {
    const target = await replaceable(path);
    const fresh = target && join(dirname(target), `.${basename(target, extname(target))}.${randomUUID()}.part`);
    const onDisk = <T>(work: Promise<T>): Promise<T> =>
      work.catch((cause: unknown) => {
        throw writeFailure(cause, path);
      });
    await using file = await onDisk(open(fresh ?? path, fresh === undefined ? "w" : "wx"));
    try {
      const { signal } = this.context;
      const wanted = wantedOf(part, image);
      const stream = hashed(part.open(signal), ["sha256", ...(wanted === undefined ? [] : [nameOf(wanted)])], {
        signal,
      });
      const read = async function* (): AsyncGenerator<Uint8Array> {
        try {
          yield* stream.bytes;
        } catch (thrown) {
          signal.throwIfAborted();
          throw unreadable(part, thrown);
        }
      };
      const size =
        fresh === undefined
          ? await inOrder(read(), (piece) => onDisk(file.writeFile(piece)))
          : await onDisk(writeSparse(file, sparse(read(), signal), signal));
      const digests = stream.digests();
      refuseDamaged(part, wanted, digests, size);
      if (fresh !== undefined && target !== undefined) await onDisk(file.sync().then(() => rename(fresh, target)));
      this.note(`wrote ${path} (${bytes(size)}, ${digests.sha256})`);
    } catch (thrown) {
      if (fresh !== undefined) await rm(fresh, { force: true });
      throw thrown;
    }
  }
}

/** What the backend refused is no fault of the file that is written. */
function unreadable({ name }: Part, thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown;
  const why = thrown instanceof Error ? thrown.message : String(thrown);
  return new Failure("backend.missing", `the bytes of ${name} cannot be read from the backend: ${why}`, {
    cause: thrown,
    hint: "check the image with: images verify; a managed one is repaired by: images apply",
  });
}

/** The strongest that the backend says of the part; what it says of an image is said of the only part of it. */
const wantedOf = ({ digest }: Part, image: Observed | undefined): Digest | undefined =>
  digest ?? ALGORITHMS.flatMap((name) => image?.digests?.[name] ?? []).at(-1);

/** @throws Failure source.digest when the bytes are not those that the backend has */
function refuseDamaged(part: Part, wanted: Digest | undefined, digests: Digests, size: number): void {
  const found = digests[wanted === undefined ? "sha256" : nameOf(wanted)];
  if ((wanted === undefined || wanted === found) && (part.size === undefined || part.size === size)) return;
  throw new Failure(
    "source.digest",
    `the download is not the image: got ${found}, ${size} bytes; expected ${wanted ?? `${part.size} bytes`}`,
    { hint: "try again; if it fails again, the image on the backend is damaged" },
  );
}

/** The most that signature version 4 allows. */
const A_WEEK = 7 * 86_400;

/** An address of no declared image, for a look at one that has none. */
const anyOf = (backend: BackendName): Address => addressOf(backend, imageName("unmanaged"));

/** Writes the pieces one after the other, for a device or a pipe. Answers their bytes. */
async function inOrder(
  pieces: AsyncIterable<Uint8Array>,
  write: (piece: Uint8Array) => Promise<void>,
): Promise<number> {
  let size = 0;
  for await (const piece of pieces) {
    await write(piece);
    size += piece.byteLength;
  }
  return size;
}
