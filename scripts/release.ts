import { createHash } from "node:crypto";
import { mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { $ } from "bun";
import { findNfpm, packages } from "./packages.ts";
import { BUN, binaryOf, runtime, TARGETS, type Target } from "./runtimes.ts";

// `bun run release`: the binaries of the commit that is checked out, compressed, in dist/release, with packages, checksums, a signature
// when a key is given, licences, a bill of materials and a note on how to build them again. Everything is built in a fresh copy of the
// commit: what is not committed is in no release.

const ROOT = join(import.meta.dir, "..");
/** Bytes that an artefact may have. */
const LIMIT = 60_000_000;
const CACHE = join(ROOT, "node_modules", ".cache", "runtimes");

/** The commit, as files in a directory of its own, with the packages that go into the binary. */
async function checkedOut(commit: string, directory: string): Promise<string> {
  await mkdir(directory, { recursive: true });
  await $`git -C ${ROOT} archive ${commit} | tar -x -C ${directory}`.quiet();
  await $`${process.execPath} install --frozen-lockfile --production`.cwd(directory).quiet();
  return directory;
}

async function built(tree: string, one: Target, outfile: string, given: readonly string[]): Promise<void> {
  await $`${process.execPath} scripts/build.ts --target ${one.target} --outfile ${outfile} --bare ${given}`
    .cwd(tree)
    .quiet();
  const found = await platformOf(outfile);
  if (found !== one.name) throw new Error(`the binary for ${one.name} is one for ${found}`);
}

/** For which platform a binary is, by its own header: ELF, Mach-O or PE; and for ELF, which loader it asks for. */
export async function platformOf(path: string): Promise<string> {
  await using file = await open(path);
  const { buffer: head } = await file.read({ buffer: Buffer.alloc(4096), position: 0 });
  const cpu = (is: Readonly<Record<number, string>>, number: number) => is[number] ?? `cpu ${number}`;
  if (head.readUInt32BE(0) === 0x7f454c46) {
    const libc = head.includes("/lib/ld-musl-") ? "-musl" : "";
    return `linux-${cpu({ 62: "x64", 183: "arm64" }, head.readUInt16LE(18))}${libc}`;
  }
  if (head.readUInt32LE(0) === 0xfeedfacf)
    return `darwin-${cpu({ 16777223: "x64", 16777228: "arm64" }, head.readUInt32LE(4))}`;
  const pe = head.readUInt32LE(0x3c);
  if (head.toString("latin1", pe, pe + 4) === "PE\0\0")
    return `windows-${cpu({ 34404: "x64", 43620: "arm64" }, head.readUInt16LE(pe + 4))}`;
  return "no platform";
}

/** The sha256 of a file, in hex. */
async function sumOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of Bun.file(path).stream()) hash.update(piece);
  return hash.digest("hex");
}

export const note = (
  version: string,
  commit: string,
  targets: readonly Target[],
  { url, releases, publicKey }: Publishing,
) => {
  const options = Object.entries({ url, releases, "public-key": publicKey }).filter(([, value]) => value !== "");
  const words = options.map(([name, value]) => ` --${name} ${value}`);
  if (targets.length !== TARGETS.length) words.push(...targets.map(({ name }) => ` --target ${name}`));
  return `images ${version}, commit ${commit}

The files of one commit are the same, byte for byte, wherever and whenever they are built: with Bun ${BUN}, the packages of bun.lock, the
runtimes whose digests are in scripts/runtimes.ts, and the options of scripts/build.ts. No time, directory, user or host is in them. The deb
and rpm packages are made by nfpm 2.45.2.

    git checkout ${commit}
    npx --yes bun@${BUN} install --frozen-lockfile
    npx --yes bun@${BUN} run release${words.join("")}
    (cd dist/release && sha256sum -c SHA256SUMS)

The release builds the binary of the machine that it runs on a second time, in another directory, and stops when the two differ.

Without git, one binary from images-${version}-source.tar.gz:

    npx --yes bun@${BUN} install --frozen-lockfile --production
    npx --yes bun@${BUN} scripts/build.ts
`;
};

/**
 * install.sh with the address that the release is published under, and the key that signs it.
 * @throws Error where one is invalid, or has no place there
 */
export function addressed(script: string, url: string, key = ""): string {
  if (!/^(?:https?:\/\/[\w.:/~@%+-]+)?$/.test(url)) throw new Error(`no address to publish under: ${url}`);
  if (!/^(?:RW[\w+/]{54})?$/.test(key)) throw new Error(`no minisign public key: ${key}`);
  for (const name of ["RELEASE_URL", "PUBLIC_KEY"])
    if (!script.includes(`\n${name}=""\n`)) throw new Error(`install.sh has no ${name}`);
  return script.replace(/^RELEASE_URL=""$/m, `RELEASE_URL="${url}"`).replace(/^PUBLIC_KEY=""$/m, `PUBLIC_KEY="${key}"`);
}

/** What a release is published with. */
interface Publishing {
  /** Where it will be. */
  readonly url: string;
  /** Where the newest release will be: `images upgrade --check` looks there. */
  readonly releases: string;
  /** The minisign secret key that signs SHA256SUMS and install.sh, without a password, and its public key; empty: not signed. */
  readonly key: string;
  readonly publicKey: string;
}

/** Gzip without a name or a time in it, by a library whose bytes do not depend on the processor. */
const gzipped = (bytes: Uint8Array<ArrayBuffer>): Uint8Array =>
  Bun.gzipSync(bytes, { library: "libdeflate", level: 9 });

/** The public key of a secret one. @throws Error where `expected` is another, or minisign cannot read the key */
async function publicKeyOf(key: string, expected: string, directory: string): Promise<string> {
  const file = join(directory, "minisign.pub");
  await $`minisign -R -s ${key} -p ${file}`.quiet();
  const found = (await readFile(file, "utf8")).trim().split("\n").at(-1) ?? "";
  if (expected !== "" && expected !== found)
    throw new Error(`--sign-key signs as ${found}, and --public-key is ${expected}`);
  return found;
}

/** Signs a file of the release, and looks at the signature as people will. */
async function signed(path: string, { key, publicKey }: Publishing, version: string): Promise<void> {
  await $`minisign -S -W -s ${key} -m ${path} -t ${`images ${version}`}`.quiet();
  await $`minisign -V -q -P ${publicKey} -m ${path}`.quiet();
}

/** Compresses a file in place, without a name or a time in it. No artefact may be over the limit. */
async function compressed(path: string): Promise<void> {
  const bytes = gzipped(await readFile(path));
  if (bytes.length > LIMIT) throw new Error(`${path} has ${bytes.length} bytes compressed, over the limit of ${LIMIT}`);
  await writeFile(`${path}.gz`, bytes);
  await rm(path);
}

/** The target of this machine; a machine with musl has to name it. */
const own = `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;

async function release(targets: readonly Target[], out: string, given: Publishing): Promise<void> {
  if (Bun.version !== BUN) throw new Error(`a release is built with Bun ${BUN}, and this is ${Bun.version}`);
  const commit = (await $`git -C ${ROOT} rev-parse HEAD`.quiet().text()).trim();
  const seconds = await $`git -C ${ROOT} log -1 --format=%ct`.quiet().text();
  const directory = await mkdtemp(join(tmpdir(), "images-release-"));
  try {
    const { key, url, releases } = given;
    const publishing = key === "" ? given : { ...given, publicKey: await publicKeyOf(key, given.publicKey, directory) };
    const tree = await checkedOut(commit, join(directory, "tree"));
    const { version }: { version: string } = JSON.parse(await readFile(join(tree, "package.json"), "utf8"));
    const date = new Date(Number(seconds) * 1000).toISOString();
    console.log(`images ${version}, commit ${commit}`);
    await rm(out, { recursive: true, force: true });
    await mkdir(out, { recursive: true });
    for (const one of targets) {
      const bun = await runtime(one, directory, CACHE);
      const binary = join(out, binaryOf(one));
      const options = ["--runtime", bun, "--commit", commit, "--releases", releases, "--key", publishing.publicKey];
      await built(tree, one, binary, options);
      console.log(`${await sumOf(binary)}  ${binaryOf(one)}`);
      if (one.name === own) {
        // Under the same name: the binary knows the one that it was built as.
        const again = join(directory, binaryOf(one));
        await built(await checkedOut(commit, join(directory, "another", "tree")), one, again, options);
        if ((await sumOf(again)) !== (await sumOf(binary))) throw new Error(`two builds of ${one.name} differ`);
        console.log(`${" ".repeat(64)}  the same when built again in another directory`);
        await rm(again);
      }
      await rm(join(directory, one.name), { recursive: true });
      const completions = [process.execPath, join(tree, "src", "cli", "main.ts")];
      if (findNfpm() === undefined) console.log(`${one.name}: no deb and no rpm, since nfpm is not installed`);
      else await packages({ tree, target: one.name, binary, version, date, completions, out });
      await compressed(binary);
    }
    const facts = { version, commit, date, runtimes: targets };
    // What writes the bill of materials is in no binary.
    await $`${process.execPath} install --frozen-lockfile`.cwd(tree).quiet();
    await $`${process.execPath} scripts/sbom.ts ${JSON.stringify(facts)} ${join(out, "images.cdx.json")}`.cwd(tree);
    await writeFile(
      join(out, "install.sh"),
      addressed(await readFile(join(tree, "install.sh"), "utf8"), url, publishing.publicKey),
      {
        mode: 0o755,
      },
    );
    await writeFile(join(out, "VERSION"), `${version}\n`);
    await writeFile(join(out, "LICENSES.txt"), await readFile(join(tree, "licenses", "THIRD-PARTY.txt")));
    await writeFile(join(out, "images.1.gz"), gzipped(await readFile(join(tree, "docs", "images.1"))));
    const containerfile = await readFile(join(tree, "packaging", "Containerfile"), "utf8");
    await writeFile(join(out, "Containerfile"), containerfile.replace('ARG VERSION=""', `ARG VERSION="${version}"`));
    const source = await $`git -C ${ROOT} archive --format=tar --prefix=images-${version}/ ${commit}`
      .quiet()
      .arrayBuffer();
    await writeFile(join(out, `images-${version}-source.tar.gz`), gzipped(new Uint8Array(source)));
    await writeFile(join(out, "REPRODUCE.txt"), note(version, commit, targets, publishing));
    if (key !== "") await signed(join(out, "install.sh"), publishing, version);
    const names = (await readdir(out)).sort();
    const sums = await Promise.all(names.map(async (name) => `${await sumOf(join(out, name))}  ${name}\n`));
    await writeFile(join(out, "SHA256SUMS"), sums.join(""));
    if (key !== "") await signed(join(out, "SHA256SUMS"), publishing, version);
    console.log(`${names.length} files and SHA256SUMS in ${out}`);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  const options = {
    target: { type: "string", multiple: true, default: TARGETS.map(({ name }) => name) },
    url: { type: "string", default: "" },
    releases: { type: "string", default: "" },
    "sign-key": { type: "string", default: "" },
    "public-key": { type: "string", default: "" },
    out: { type: "string", default: join(ROOT, "dist", "release") },
  } as const;
  const { values } = parseArgs({ options });
  const unknown = values.target.filter((name) => !TARGETS.some((one) => one.name === name));
  if (unknown.length > 0)
    throw new Error(`no target ${unknown.join(", ")}: ${TARGETS.map(({ name }) => name).join(", ")}`);
  await release(
    TARGETS.filter(({ name }) => values.target.includes(name)),
    resolve(values.out),
    { url: values.url, releases: values.releases, key: values["sign-key"], publicKey: values["public-key"] },
  );
}
