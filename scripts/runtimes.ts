import { createHash } from "node:crypto";
import { mkdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { $ } from "bun";

// Bun's runtime for every platform that a release has a binary for. `bun build --compile --target` would download them without a
// digest to compare with; here each is pinned, as bun.lock pins the packages.

/** The version that the digests below are of, and that has to run the build: bytecode is of one version. */
export const BUN = "1.4.5";
/** The commits of the parts of it that are under the LGPL, as `process.versions` has them. */
export const BUN_PARTS = {
  webkit: "d6375c72affe0f70222cdcb45012b10f0bf3a9d5",
  tinycc: "05f0fafaa3be31e31d7b4b5c17dc60f62c991171",
} as const;

export interface Target {
  /** As in the names of a release's files: `images-linux-x64`. */
  readonly name: string;
  /** As `bun build --target` has it. */
  readonly target: string;
  /** The npm package with the runtime, and the digest of its tarball. */
  readonly package: string;
  readonly integrity: string;
}

const of = (name: string, directory: string, integrity: string): Target => ({
  name,
  target: `bun-${name}`,
  package: `@oven/bun-${directory}`,
  integrity: `sha512-${integrity}`,
});

export const TARGETS: readonly Target[] = [
  of(
    "linux-x64",
    "linux-x64",
    "IWX9BELoGHAUtMonkeSaNaZwXzRk+oDw6Mk+HBFXd3KHYIBNBsIGRupMZPcgNoDbJpLu6gAJjIoIVPZtt1aJ1g==",
  ),
  of(
    "linux-arm64",
    "linux-aarch64",
    "4BXmsSKnjOrlGWqZV4x/oWa7AVoR+B6lCXddMzOAXBIm3t50eslg9wb66gmtW1AamEQ1l1CDvmmruysEhqOWMg==",
  ),
  of(
    "linux-x64-musl",
    "linux-x64-musl",
    "10QoW/YfTgnURaGEaHpJCiXjLI2e5iTtfVDaA5JKcyUzaa1cq6cVUY9/Uq5XkYzvtRjHLRe9Oj/lTDIQcxy8HQ==",
  ),
  of(
    "linux-arm64-musl",
    "linux-aarch64-musl",
    "XCNc+WvvMAdNNb+OWTogpy+N9wm62fkVeEVLb6how0RZhW5LPi6c7BlkeVCuWps7XjEl2saFpHFa20/1E+PAHg==",
  ),
  of(
    "darwin-x64",
    "darwin-x64",
    "qkLPMGHZM9NI6CeHTWwVezzmlo6cC4Ta7yUAjYIWXS366qQcOlcp75t2uZyiuVRBMPS0h9qE0tCcvCHGaFqjJg==",
  ),
  of(
    "darwin-arm64",
    "darwin-aarch64",
    "4MIFXHmctH2EhAxLXm2/qxNtv17dFtLJylvaOCsrgq6KSqHTs6eW5YSrJjRbJxYUJaR901fsN8JfZOa+CsWpWQ==",
  ),
  of(
    "windows-x64",
    "windows-x64",
    "FNvply651vcE/GHgNWz6mZvhmkwBuu8Hw54oNzA+CQog+HW+542rXQmZqNHRkFxazD9L3xi+iTtvO3engAgJfw==",
  ),
];

/** The file of a release for this target. */
export const binaryOf = ({ name }: Target): string => `images-${name}${name.startsWith("windows") ? ".exe" : ""}`;

/**
 * The path of a target's runtime, unpacked into `directory`. Tarballs are kept in `cache`.
 * @throws Error where it cannot be had, or is not the one that is pinned
 */
export async function runtime(one: Target, directory: string, cache: string): Promise<string> {
  const kept = join(cache, `${one.package.replace("@oven/", "")}-${BUN}.tgz`);
  if (!(await Bun.file(kept).exists())) {
    await mkdir(cache, { recursive: true });
    const packed = await $`npm pack --silent --pack-destination ${cache} ${`${one.package}@${BUN}`}`.quiet().text();
    await rename(join(cache, packed.trim().split("\n").at(-1) ?? ""), kept);
  }
  const digest = `sha512-${createHash("sha512")
    .update(await readFile(kept))
    .digest("base64")}`;
  if (digest !== one.integrity)
    throw new Error(`${one.package}@${BUN} has the digest ${digest}, not ${one.integrity}; it lies in ${kept}`);
  const unpacked = join(directory, one.name);
  await mkdir(unpacked);
  await $`tar -xzf ${kept} -C ${unpacked} --strip-components=2`.quiet();
  return join(unpacked, one.name.startsWith("windows") ? "bun.exe" : "bun");
}
