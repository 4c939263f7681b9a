import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { ALGORITHMS, digest } from "../../../src/core/model/digest.ts";
import type { SourceSpec } from "../../../src/core/model/source.ts";
import type { Sources } from "../../../src/core/source/open/open.ts";
import { AT as PLACE } from "../source/kit.ts";
import { Checkout, type Declared, type World } from "./world.ts";

// A server on which an image is published with every kind of evidence, and a checkout whose image is made from it by the real sources.

/** What proves the bytes, as it is declared. `bad`: of other bytes. */
export const KINDS = [
  "etag",
  "modified",
  "both",
  "length",
  "md5",
  "sha256",
  "sha384",
  "sha512",
  "sums256",
  "sums512",
  "signature",
  "sha256+signature",
  "sums256+signature",
] as const;
export type Kind = (typeof KINDS)[number];

const hex = (algorithm: string, bytes: string) => createHash(algorithm).update(bytes).digest("hex");

/** A minisign key, and what it signs. */
export class Minisign {
  readonly key: string;
  readonly #secret: KeyObject;
  readonly #id: Buffer;

  constructor(id = "0102030405060708") {
    this.#id = Buffer.from(id, "hex");
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    this.#secret = privateKey;
    const raw = publicKey.export({ format: "der", type: "spki" }).subarray(-32);
    this.key = Buffer.concat([Buffer.from("Ed"), this.#id, raw]).toString("base64");
  }

  sign(bytes: string | Uint8Array): string {
    const signature = sign(null, Buffer.from(bytes), this.#secret);
    const trusted = "of a test";
    const global = sign(null, Buffer.concat([signature, Buffer.from(trusted)]), this.#secret);
    const head = Buffer.concat([Buffer.from("Ed"), this.#id, signature]).toString("base64");
    return `untrusted comment: x\n${head}\ntrusted comment: ${trusted}\n${global.toString("base64")}\n`;
  }
}

export class Published implements Disposable {
  /** What is at the URL of the image. */
  bytes = "the bytes of an image\n".repeat(50);
  /** What the sums, signatures and literals are of. */
  proven = this.bytes;
  /** What the server says of the file besides its length. */
  says: Readonly<Record<string, string>> = {};
  /** What Last-Modified says, where it is said. */
  date = "Mon, 02 Jan 2023 03:04:05 GMT";
  /** Times that the bytes were sent. */
  sent = 0;
  readonly #minisign = new Minisign();
  readonly #server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: (asked) => this.#answer(asked) });

  #answer(asked: Request): Response {
    const { pathname } = new URL(asked.url);
    if (pathname === "/SUMS256") return new Response(`${hex("sha256", this.proven)}  a.img\n`);
    if (pathname === "/SUMS512") return new Response(`${hex("sha512", this.proven)}  a.img\n`);
    if (pathname === "/SUMS256.minisig")
      return new Response(this.#minisign.sign(`${hex("sha256", this.proven)}  a.img\n`));
    if (pathname === "/a.img.minisig") return new Response(this.#minisign.sign(this.proven));
    if (asked.method === "GET") this.sent++;
    return new Response(this.bytes, { headers: this.says });
  }

  /** Declares the image with evidence of this kind, and has the server say what goes with it. */
  declare(kind: Kind): SourceSpec {
    const at = `http://127.0.0.1:${this.#server.port}`;
    const etag = { etag: `"${hex("md5", this.bytes)}"` };
    const modified = { "last-modified": this.date };
    const says = { etag, modified, both: { ...etag, ...modified }, length: {} };
    this.says = kind in says ? (Object.entries(says).find(([name]) => name === kind)?.[1] ?? {}) : says.both;
    const sums = (algorithm: "sha256" | "sha512") =>
      ({ kind: "sums", algorithm, where: `${at}/${algorithm === "sha256" ? "SUMS256" : "SUMS512"}` }) as const;
    const literal = ALGORITHMS.find((algorithm) => kind.startsWith(algorithm));
    const checksum = kind.startsWith("sums256")
      ? sums("sha256")
      : kind === "sums512"
        ? sums("sha512")
        : literal === undefined
          ? undefined
          : ({ kind: "digest", digest: digest(literal, hex(literal, this.proven)) } as const);
    const signed = kind.startsWith("sums") ? "SUMS256" : "a.img";
    return {
      kind: "url",
      at: PLACE,
      urls: [`${at}/a.img`],
      follow: true,
      ...(checksum === undefined ? {} : { checksum }),
      ...(kind.endsWith("signature")
        ? { signature: { where: `${at}/${signed}.minisig`, key: this.#minisign.key } }
        : {}),
    };
  }

  [Symbol.dispose](): void {
    this.#server.stop(true);
  }
}

/** A checkout with one image, `a`, that is made from a source. */
export class Fetching extends Checkout {
  spec: SourceSpec | undefined;
  protect = false;
  readonly #sources: () => Sources;

  constructor(world: World, sources: () => Sources) {
    super(world, "images", "L1");
    this.#sources = sources;
  }

  override means(declared: Readonly<Record<string, Declared>>) {
    const means = super.means(declared);
    const sources = this.#sources();
    const { spec, protect } = this;
    const resources = means.config.resources.map((one) => ({
      ...one,
      ...(spec === undefined ? {} : { source: spec }),
      lifecycle: { ...one.lifecycle, protect },
    }));
    return {
      ...means,
      config: { ...means.config, resources },
      look: sources.look.bind(sources),
      fetch: sources.open.bind(sources),
    };
  }
}
