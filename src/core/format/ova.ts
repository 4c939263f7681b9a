import { createHash, type Hash } from "node:crypto";
import type { ByteStream } from "./bytes.ts";
import { corrupt } from "./failures.ts";
import { sameName } from "./member-name.ts";
import { OVF_LIMIT } from "./ovf.ts";

const ALGORITHMS = ["sha1", "sha256", "sha512"] as const;
type Algorithm = (typeof ALGORITHMS)[number];
const LINE = /^\s*(SHA1|SHA256|SHA512)\s*\(([^)]*)\)\s*=\s*([0-9a-f]+)\s*$/i;

interface Sum {
  readonly algorithm: Algorithm;
  readonly name: string;
  readonly hex: string;
}

/** The files of an OVA that were read, and what its manifest says of them: it stands before or behind the disks, or is not there. */
export class OvaManifest {
  #sums: readonly Sum[] | undefined;
  readonly #made = new Map<string, ReadonlyMap<Algorithm, string>>();

  static isNamed(name: string, stored: number): boolean {
    return /\.mf$/i.test(name) && stored <= OVF_LIMIT;
  }

  read(manifest: Uint8Array): void {
    this.#sums = new TextDecoder().decode(manifest).split("\n").flatMap(sumOf);
  }

  /** The bytes of one of its files as they are; what they hash to is kept. */
  async *seen(name: string, bytes: ByteStream): AsyncGenerator<Uint8Array> {
    const declared = this.#sums?.filter((sum) => sameName(sum.name, name)).map(({ algorithm }) => algorithm);
    const hashes = new Map<Algorithm, Hash>((declared ?? ALGORITHMS).map((one) => [one, createHash(one)]));
    for await (const piece of bytes) {
      for (const hash of hashes.values()) hash.update(piece);
      yield piece;
    }
    this.#made.set(name, new Map([...hashes].map(([algorithm, hash]) => [algorithm, hash.digest("hex")])));
  }

  /** Fails with `source.corrupt` where a file that was read is another one. */
  check(): void {
    for (const [name, made] of this.#made)
      for (const { algorithm, hex } of this.#sums?.filter((sum) => sameName(sum.name, name)) ?? []) {
        const got = made.get(algorithm);
        if (got === hex) continue;
        throw corrupt(
          `${JSON.stringify(name)} is not what the manifest of the OVA says: expected ${algorithm}:${hex}, got ${algorithm}:${got}`,
        );
      }
  }
}

function sumOf(line: string): readonly Sum[] {
  const [, kind, name, hex] = LINE.exec(line) ?? [];
  const algorithm = ALGORITHMS.find((one) => one === kind?.toLowerCase());
  return algorithm === undefined || name === undefined || hex === undefined
    ? []
    : [{ algorithm, name, hex: hex.toLowerCase() }];
}

/** The names that the file may have in the archive: the reference is a URL, relative to the description. */
export function namesOf(href: string, ovf: string): readonly string[] {
  const directory = ovf.slice(0, ovf.lastIndexOf("/") + 1);
  const names = [href, decoded(href)];
  return [...names.map((name) => `${directory}${name}`), ...names];
}

function decoded(href: string): string {
  try {
    return decodeURIComponent(href);
  } catch {
    return href;
  }
}
