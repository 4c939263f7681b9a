import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { $ } from "bun";

// The deb and rpm packages of a release, by nfpm. The same binary and commit give the same package.

export const PACKAGERS = ["deb", "rpm"] as const;
/** What a package of a target calls its processor; targets that no distribution with these packages runs on have none. */
const ARCH: Readonly<Record<string, string>> = { "linux-x64": "amd64", "linux-arm64": "arm64" };

/** Debian's file of licences: the licences of the parts, of which GNU's are in /usr/share/common-licenses. */
const copyright = (own: string) => `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: images

Files: *
Copyright: 2026 the images authors
License: Expat

License: Expat
${own
  .split("\n")
  .slice(4)
  .map((line) => (line.trim() === "" ? " ." : ` ${line}`))
  .join("\n")
  .replace(/(\n \.)+$/, "")}

Comment:
 The binary has in it parts under other licences: Bun and packages under MIT and ISC, JavaScriptCore under the LGPL 2 or later, TinyCC
 under the LGPL 2.1, openpgp and liblzma's wrapper under the LGPL 3. They are named, with their texts, in THIRD-PARTY.txt.gz beside this
 file; the texts of the GNU licences are also in /usr/share/common-licenses/LGPL-2, LGPL-2.1, LGPL-3 and GPL-3.
`;

/** As nfpm reads it, and writes it in the way of each packager. */
const changelog = (version: string, date: string) => `- semver: ${version}-1
  date: ${date.replace(/\.\d+/, "")}
  packager: The images authors <images@example.org>
  deb: { urgency: low, distributions: [stable] }
  changes:
    - note: "Release ${version}; CHANGELOG.md of the source says what has changed"
`;

export interface Packed {
  /** The commit, as files: nothing else goes into a package. */
  readonly tree: string;
  /** As in runtimes.ts. */
  readonly target: string;
  readonly binary: string;
  readonly version: string;
  /** The time of the commit, ISO 8601: the time of all files in the package. */
  readonly date: string;
  /** A program of this machine that prints the completions. */
  readonly completions: readonly string[];
  readonly out: string;
}

/** nfpm, where it is installed. */
export const findNfpm = (): string | undefined =>
  Bun.which("nfpm", { PATH: `${process.env["PATH"]}:${process.env["HOME"]}/go/bin` }) ?? undefined;

/** Gzip without a time in it. */
const packed = (text: string): Uint8Array => gzipSync(text, { level: 9 });

/** Writes `images_VERSION_ARCH.deb` and `images-VERSION.ARCH.rpm`; nothing for a target without packages. @throws Error of nfpm */
export async function packages({ tree, target, binary, version, date, completions, out }: Packed): Promise<void> {
  const arch = ARCH[target];
  const nfpm = findNfpm();
  if (arch === undefined) return;
  if (nfpm === undefined) throw new Error("nfpm is not installed");
  const stage = await mkdtemp(join(tmpdir(), "images-packages-"));
  try {
    await $`cp ${binary} ${join(stage, "images")}`.quiet();
    await writeFile(join(stage, "images.1.gz"), packed(await readFile(join(tree, "docs", "images.1"), "utf8")));
    for (const shell of ["bash", "zsh", "fish"])
      await writeFile(join(stage, `images.${shell}`), await $`${completions} completion ${shell}`.quiet().text());
    for (const script of ["prerm", "postrm"])
      await $`cp ${join(tree, "packaging", script)} ${join(stage, script)}`.quiet();
    await writeFile(join(stage, "copyright"), copyright(await readFile(join(tree, "LICENSE"), "utf8")));
    const licences = await readFile(join(tree, "licenses", "THIRD-PARTY.txt"), "utf8");
    await writeFile(join(stage, "THIRD-PARTY.txt.gz"), packed(licences));
    await writeFile(join(stage, "changelog.yaml"), changelog(version, date));
    const facts: Readonly<Record<string, string>> = { ARCH: arch, VERSION: version, STAGE: stage, MTIME: date };
    const template = await readFile(join(tree, "packaging", "nfpm.yaml"), "utf8");
    const config = join(stage, "nfpm.yaml");
    await writeFile(
      config,
      template.replace(/\$\{(\w+)\}/g, (_, name: string) => facts[name] ?? ""),
    );
    const made = (packager: string) =>
      $`${nfpm} package --config ${config} --packager ${packager} --target ${out}/`.cwd(tree).quiet();
    await Promise.all(PACKAGERS.map(made));
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
}

// A package of another version or binary, to test upgrades with: --binary FILE --version 0.0.1 --out DIRECTORY.
if (import.meta.main) {
  const text = { type: "string" } as const;
  const options = {
    binary: { ...text, default: "" },
    version: { ...text, default: "0.0.1" },
    out: { ...text, default: "." },
  };
  const { values } = parseArgs({ options });
  const tree = join(import.meta.dir, "..");
  const completions = [process.execPath, join(tree, "src", "cli", "main.ts")];
  await packages({ ...values, tree, target: "linux-x64", date: "2026-01-02T03:04:05.000Z", completions });
}
