import { randomUUID } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import { Command, Option } from "clipanion";
import { canDownload, type Part } from "../../core/abilities.ts";
import { Failure } from "../../core/failure.ts";
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
import type { Backend } from "../../core/plugin.ts";
import { EXIT, FileCommand } from "../base.ts";
import { checkWritable } from "../output.ts";
import { bytes } from "../render/format.ts";

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
    ],
  });

  readonly target = Option.String("--out", {
    description: "Output file (default: the image's name in the current directory)",
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
    const parts = await this.#parts(backend, image, address);
    const disk = parts.at(-1);
    const path = resolve(this.context.cwd, this.target ?? basename(disk?.name ?? address));
    for (const part of parts)
      await this.#write(part, part === disk ? path : `${path}.metadata`, parts.length === 1 ? image : undefined);
    return EXIT.done;
  }

  async #parts(backend: Backend, { id }: Observed, address: Address): Promise<readonly Part[]> {
    if (canDownload(backend))
      return await backend.download(id, { signal: this.context.signal, note: (text) => this.note(text) });
    throw new Failure("backend.refused", `the backend of ${address} does not support downloads`, { address });
  }

  /** Beside the file, checked, then in its place: a file of that name is whole or not there. */
  async #write(part: Part, path: string, image: Observed | undefined): Promise<void> {
    const fresh = join(dirname(path), `.${basename(path, extname(path))}.${randomUUID()}.part`);
    const file = await open(fresh, "wx");
    try {
      const hash = new Bun.CryptoHasher("sha256");
      let size = 0;
      for await (const piece of part.open(this.context.signal)) {
        hash.update(piece);
        await file.writev([piece]);
        size += piece.byteLength;
      }
      const found = `sha256:${hash.digest("hex")}`;
      const wanted = image?.digests?.sha256;
      if ((wanted !== undefined && wanted !== found) || (part.size !== undefined && part.size !== size)) {
        const hint = "try again; if it fails again, the image on the backend is damaged";
        throw new Failure(
          "source.digest",
          `the download is not the image: got ${found}, ${size} bytes; expected ${wanted ?? "as many bytes as announced"}`,
          { hint },
        );
      }
      await file.sync();
      await rename(fresh, path);
      this.note(`wrote ${path} (${bytes(size)}, ${found})`);
    } catch (thrown) {
      await rm(fresh, { force: true });
      throw thrown;
    } finally {
      await file.close();
    }
  }
}

/** An address of no declared image, for a look at one that has none. */
const anyOf = (backend: BackendName): Address => addressOf(backend, imageName("unmanaged"));
