import { Failure, type HttpClient } from "images";
import * as t from "typanion";
import { parsed } from "./wire.ts";

// Simplestreams as image servers for Incus have it: an index, lists of products, and in each its versions.

const more = { extra: t.isUnknown() };
const isIndex = t.isObject(
  { index: t.isRecord(t.isObject({ path: t.isString(), datatype: t.isOptional(t.isString()) }, more)) },
  more,
);
const isItem = t.isObject(
  {
    ftype: t.isString(),
    path: t.isOptional(t.isString()),
    sha256: t.isOptional(t.isString()),
    size: t.isOptional(t.isNumber()),
  },
  more,
);
const isProduct = t.isObject(
  {
    aliases: t.isOptional(t.isString()),
    arch: t.isString(),
    versions: t.isRecord(t.isObject({ items: t.isRecord(isItem) }, more)),
  },
  more,
);
const isProducts = t.isObject({ products: t.isRecord(isProduct) }, more);
type Item = t.InferType<typeof isItem>;

/** One file of an image. */
interface File {
  readonly path: string;
  readonly sha256: string;
  readonly size: number;
}

/** An image of a stream, in one version. */
export interface StreamsImage {
  readonly fingerprint: string;
  readonly type: "container" | "virtual-machine";
  /** As Incus names it. */
  readonly architecture: string;
  readonly aliases: readonly string[];
  /** Metadata first, or the one file with everything. */
  readonly files: readonly File[];
}

interface StreamsRequest {
  /** An alias, or the beginning of a fingerprint. */
  readonly name: string;
  readonly type: StreamsImage["type"];
  /** As Incus names it. */
  readonly architecture: string;
}

/** Debian's names of architectures, which streams use, and the kernel's, which Incus uses. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  amd64: "x86_64",
  arm64: "aarch64",
  armhf: "armv7l",
  armel: "armv6l",
  i386: "i686",
  ppc64el: "ppc64le",
};
const architectureOf = (name: string): string => ARCHITECTURES[name] ?? name;

/** File types of disks and root file systems, the best first, with the field of the metadata that has the digest of both. */
const DISKS: readonly {
  readonly ftype: string;
  readonly type: StreamsImage["type"];
  readonly combined: readonly string[];
}[] = [
  { ftype: "squashfs", type: "container", combined: ["combined_squashfs_sha256"] },
  { ftype: "root.tar.xz", type: "container", combined: ["combined_rootxz_sha256", "combined_sha256"] },
  { ftype: "disk-kvm.img", type: "virtual-machine", combined: ["combined_disk-kvm-img_sha256"] },
  { ftype: "disk1.img", type: "virtual-machine", combined: ["combined_disk1-img_sha256"] },
  { ftype: "uefi1.img", type: "virtual-machine", combined: ["combined_uefi1-img_sha256"] },
];
const METADATA = ["incus.tar.xz", "lxd.tar.xz"];
const UNIFIED = ["incus_combined.tar.gz", "lxd_combined.tar.gz"];

/** The images of one simplestreams server; what it says is asked for once. */
export class Streams {
  readonly #http: HttpClient;
  readonly #name: string;
  #images: Promise<readonly StreamsImage[]> | undefined;

  constructor(http: HttpClient, name: string) {
    this.#http = http;
    this.#name = name;
  }

  /** The images that are meant, the newest first. @throws Failure backend.missing when there is none */
  async find(
    { name, type, architecture }: StreamsRequest,
    signal: AbortSignal,
  ): Promise<readonly [StreamsImage, ...(readonly StreamsImage[])]> {
    this.#images ??= this.#load(signal).catch((thrown: unknown) => {
      this.#images = undefined;
      throw thrown;
    });
    const all = await this.#images;
    const isHex = /^[0-9a-f]{12,64}$/i.test(name);
    const called = all.filter(
      (one) => one.aliases.includes(name) || (isHex && one.fingerprint.startsWith(name.toLowerCase())),
    );
    const [first, ...more] = called.filter((one) => one.type === type && (isHex || one.architecture === architecture));
    if (first !== undefined) return [first, ...more];
    const there = [...new Set(called.map((one) => `${one.type} ${one.architecture}`))].join(", ");
    throw new Failure("backend.missing", `the remote ${this.#name} has no ${type} image ${name} for ${architecture}`, {
      hint: there === "" ? `list images with: incus image list ${this.#name}:` : `there is: ${there}`,
    });
  }

  /** The bytes of one file. */
  async *read({ path }: File, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    yield* (await this.#http.send("GET", path, { signal })).stream();
  }

  /** Every image, newest first. */
  async #load(signal: AbortSignal): Promise<readonly StreamsImage[]> {
    const { index } = parsed(await this.#http.json("GET", "streams/v1/index.json", { signal }), isIndex, "an index");
    const paths = Object.values(index).flatMap(({ path, datatype }) =>
      datatype === undefined || datatype === "image-downloads" ? [path] : [],
    );
    const lists = await Promise.all(paths.map((path) => this.#http.json("GET", path, { signal })));
    const found = lists.flatMap((list) =>
      Object.values(parsed(list, isProducts, "a list of products").products).flatMap((product) =>
        Object.entries(product.versions).flatMap(([version, { items }]) =>
          imagesOf(Object.values(items)).map((made) => ({ version, image: { ...made, ...about(product) } })),
        ),
      ),
    );
    return found.sort((a, b) => (a.version < b.version ? 1 : a.version > b.version ? -1 : 0)).map(({ image }) => image);
  }
}

function about({ aliases = "", arch }: t.InferType<typeof isProduct>): Pick<StreamsImage, "architecture" | "aliases"> {
  const names = aliases.split(",").flatMap((one) => one.trim() || []);
  return { architecture: architectureOf(arch), aliases: [...names, ...names.map((one) => `${one}/${arch}`)] };
}

/** The images that the files of one version make, the best of each type first. */
function imagesOf(items: readonly Item[]): Pick<StreamsImage, "fingerprint" | "type" | "files">[] {
  const fileOf = ({ path, sha256, size }: Item): File | undefined =>
    path === undefined || sha256 === undefined || size === undefined ? undefined : { path, sha256, size };
  const whole = items
    .filter(({ ftype }) => UNIFIED.includes(ftype))
    .flatMap((item) => fileOf(item) ?? [])
    .map((file) => ({ fingerprint: file.sha256, type: "container" as const, files: [file] }));
  const item = METADATA.map((name) => items.find(({ ftype }) => ftype === name)).find((one) => one !== undefined);
  const metadata = item && fileOf(item);
  if (item === undefined || metadata === undefined) return whole;
  const fields: Readonly<Record<string, unknown>> = item;
  const split = DISKS.flatMap(({ ftype, type, combined }) => {
    const disk = items.find((one) => one.ftype === ftype);
    const file = disk && fileOf(disk);
    const fingerprint = combined.map((name) => fields[name]).find((value) => typeof value === "string");
    return file === undefined || typeof fingerprint !== "string"
      ? []
      : [{ fingerprint, type, files: [metadata, file] }];
  });
  return [...split, ...whole];
}
