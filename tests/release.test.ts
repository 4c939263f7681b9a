import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Ajv } from "ajv";
import formats from "ajv-formats";
import manifest from "../package.json" with { type: "json" };
import { optionsOf } from "../scripts/build.ts";
import { licenses } from "../scripts/licenses.ts";
import { addressed, note, platformOf } from "../scripts/release.ts";
import { BUN, BUN_PARTS, runtime, TARGETS } from "../scripts/runtimes.ts";
import { closure, lockedIn, sbom } from "../scripts/sbom.ts";
import { run, TestDirectory } from "./harness.ts";

const ROOT = resolve(import.meta.dir, "..");
const SCHEMAS = join(ROOT, "node_modules", "@cyclonedx", "cyclonedx-library", "res", "schema");
const build = { version: "1.2.3", commit: "0".repeat(40), date: "2026-01-02T03:04:05.000Z", runtimes: TARGETS };

interface Component {
  readonly "bom-ref": string;
  readonly group?: string;
  readonly name: string;
  readonly version: string;
  readonly hashes: readonly { readonly alg: string; readonly content: string }[];
  readonly licenses: readonly object[];
}
const componentsOf = async (): Promise<readonly Component[]> => JSON.parse(await sbom(build)).components;

describe("the bill of materials", () => {
  test("is valid by CycloneDX's own schema", async () => {
    const schema = async (name: string) =>
      JSON.parse(await readFile(join(SCHEMAS, `${name}.SNAPSHOT.schema.json`), "utf8"));
    const ajv = new Ajv({ strict: false, allErrors: true });
    formats["default"](ajv);
    ajv.addFormat("iri-reference", true).addFormat("idn-email", true);
    for (const name of ["spdx", "jsf-0.82"])
      ajv.addSchema(await schema(name), `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`);
    const isValid = ajv.compile(await schema("bom-1.6"));
    const bom = JSON.parse(await sbom(build));
    expect(isValid(bom) ? "" : ajv.errorsText(isValid.errors)).toBe("");
    expect(isValid({ ...bom, components: [{ type: "library" }] })).toBe(false);
  });

  test("has every package of the binary with its licence and digest, and none of the tests'", async () => {
    const components = await componentsOf();
    const names = components.map(({ group, name }) => (group === undefined ? name : `${group}/${name}`));
    expect(names).toEqual(expect.arrayContaining(Object.keys(manifest.dependencies)));
    expect(names.filter((name) => Object.hasOwn(manifest.devDependencies, name))).toEqual([]);
    expect(names).toHaveLength(new Set(names).size);
    for (const { name, hashes, licenses } of components)
      expect([name, hashes.length, hashes[0]?.content.length, licenses.length]).toEqual([name, 1, 128, 1]);
    const lock = await readFile(join(ROOT, "bun.lock"), "utf8");
    const digest = Buffer.from(components.find(({ name }) => name === "undici")?.hashes[0]?.content ?? "", "hex");
    expect(lock).toContain(`sha512-${digest.toString("base64")}`);
  });

  test("is the same for the same commit", async () => expect(await sbom(build)).toEqual(await sbom(build)));

  test("a package that keeps its own version of another is followed to that one", () => {
    const locked = lockedIn(`{ "packages": {
      "a": ["a@1.0.0", "", { "dependencies": { "b": "^1", "@s/c": "1" } }, "sha512-AA=="],
      "b": ["b@2.0.0", "", {}, "sha512-AA=="],
      "a/b": ["b@1.5.0", "", {}, "sha512-AA=="],
      "@s/c": ["@s/c@3.0.0", "", { "dependencies": { "a": "1", "b": "2" } }, "sha512-AA=="],
    } }`);
    const names = (...roots: string[]) => closure(locked, roots).map(({ name, version }) => `${name}@${version}`);
    expect(names("a")).toEqual(["@s/c@3.0.0", "a@1.0.0", "b@1.5.0", "b@2.0.0"]);
    expect(() => closure(locked, ["z"])).toThrow("bun.lock has no z, which package.json needs");
  });
});

describe("a binary's header says for which platform it is", () => {
  const elf = (machine: number, loader: string) => {
    const head = Buffer.alloc(4096);
    head.write("\x7fELF", 0, "latin1");
    head.writeUInt16LE(machine, 18);
    head.write(loader, 600);
    return head;
  };
  const mach = (cpu: number) => {
    const head = Buffer.alloc(64);
    head.writeUInt32LE(0xfeedfacf, 0);
    head.writeUInt32LE(cpu, 4);
    return head;
  };
  const pe = Buffer.alloc(256);
  pe.write("MZ");
  pe.writeUInt32LE(128, 0x3c);
  pe.write("PE\0\0", 128, "latin1");
  pe.writeUInt16LE(34404, 132);
  const cases: readonly (readonly [string, Uint8Array])[] = [
    ["linux-x64", elf(62, "/lib64/ld-linux-x86-64.so.2")],
    ["linux-arm64-musl", elf(183, "/lib/ld-musl-aarch64.so.1")],
    ["darwin-arm64", mach(0x100000c)],
    ["darwin-x64", mach(0x1000007)],
    ["windows-x64", pe],
    ["no platform", Buffer.alloc(300)],
  ];
  for (const [name, head] of cases)
    test(name, async () => {
      await using directory = await TestDirectory.make({ head });
      expect(await platformOf(directory.at("head"))).toBe(name);
    });
});

test("a runtime that is not the pinned one is refused", async () => {
  await using directory = await TestDirectory.make();
  const [one] = TARGETS;
  if (one === undefined) throw new Error("no targets");
  const wrong = "something else";
  await directory.write(`${one.package.replace("@oven/", "")}-${BUN}.tgz`, wrong);
  const found = createHash("sha512").update(wrong).digest("base64");
  await expect(runtime(one, directory.path, directory.path)).rejects.toThrow(
    `has the digest sha512-${found}, not ${one.integrity}`,
  );
});

test("install.sh gets the address that a release is published under", async () => {
  const script = await readFile(join(ROOT, "install.sh"), "utf8");
  const url = "https://images.example/1.0.0";
  expect(addressed(script, url)).toBe(script.replace('RELEASE_URL=""', `RELEASE_URL="${url}"`));
  expect(addressed(script, "")).toBe(script);
  for (const wrong of ["/a/directory", 'https://x.example/"; rm -rf /', "ftp://x.example"])
    expect(() => addressed(script, wrong)).toThrow("no address to publish under");
  const key = `RW${"A".repeat(54)}`;
  expect(addressed(script, url, key)).toContain(`\nPUBLIC_KEY="${key}"\n`);
  expect(() => addressed(script, url, `${key}"; x`)).toThrow("no minisign public key");
});

test("the licences of all that is in a binary are told, and are up to date", async () => {
  await using directory = await TestDirectory.make();
  const said = (await run(directory, ["version", "--licenses"])).stdout;
  expect(said).toBe(await licenses());
  for (const words of ["GNU LESSER GENERAL PUBLIC LICENSE", "JavaScriptCore", "openpgp 6.3.2: LGPL-3.0+"])
    expect(said).toContain(words);
});

test("every package that is in the bundle is named in the licences, with those of the parts of Bun", async () => {
  const { compile: _, ...options } = optionsOf({ outfile: "unused", bare: true });
  const { metafile, outputs } = await Bun.build({ ...options, bytecode: false });
  const inputs = Object.keys(metafile?.inputs ?? {});
  const found = inputs.flatMap(
    (path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules)/.exec(path)?.[1] ?? [],
  );
  expect(found.length).toBeGreaterThan(100);
  const text = await licenses();
  const named = [...text.matchAll(/^ {4}(\S+) \d\S* {2}\S/gm)].map(([, name]) => name);
  expect([...new Set(found)].filter((name) => !named.includes(name))).toEqual([]);
  for (const part of ["BoringSSL", "ICU", "zlib-ng", "lol-html", "c-ares", "WebKit and JavaScriptCore", "libarchive"])
    expect([part, new RegExp(`^${part}: .+\n-{100}\n\n.{10}`, "m").test(text)]).toEqual([part, true]);
  expect(/\s\/(?:home|root|tmp|work)\//.exec(text)?.[0]).toBeUndefined();
  // One letter beyond ASCII, and its whole part of the program is stored in two bytes a letter.
  const parts = outputs.filter(({ kind }) => kind === "entry-point" || kind === "chunk");
  expect(parts.length).toBeGreaterThan(1);
  for (const part of parts) expect(/[^\0-\x7f]/.exec(await part.text())?.[0]).toBeUndefined();
});

test("the program has read less than a tenth of itself when it has started", async () => {
  const { compile: _, ...options } = optionsOf({ outfile: "unused", bare: true });
  const { metafile } = await Bun.build({ ...options, bytecode: false });
  const parts = metafile?.outputs ?? {};
  const isFirst = Object.keys(parts).filter((name) => parts[name]?.entryPoint === "src/cli/main.ts");
  const read = new Set(isFirst);
  for (const name of read)
    for (const { kind, path } of parts[name]?.imports ?? [])
      if (kind === "import-statement" && parts[path]) read.add(path);
  const bytes = (names: Iterable<string>) => [...names].reduce((sum, name) => sum + (parts[name]?.bytes ?? 0), 0);
  expect(isFirst).toHaveLength(1);
  expect(bytes(read) / bytes(Object.keys(parts))).toBeLessThan(0.1);
});

test("the sources of LGPL parts are named by the commits that are in the runtime", () => {
  const parts: Readonly<Record<string, string>> = BUN_PARTS;
  for (const [name, commit] of Object.entries(parts)) expect([name, process.versions[name]]).toEqual([name, commit]);
});

test("how to build a release again names every option that changes its bytes", () => {
  const [one] = TARGETS;
  const key = `RW${"A".repeat(54)}`;
  const published = { url: "https://a.example/1", releases: "https://a.example/latest", key: "", publicKey: key };
  const text = note("1.2.3", "abc", one === undefined ? [] : [one], published);
  expect(text).toContain(
    `run release --url https://a.example/1 --releases https://a.example/latest --public-key ${key} --target linux-x64\n`,
  );
  expect(note("1.2.3", "abc", TARGETS, { url: "", releases: "", key: "", publicKey: "" })).toContain("run release\n");
});

test("a build with a place and a key for upgrade --check defines them, and one without does not", () => {
  const given = optionsOf({ outfile: "x", releases: "https://a.example/latest", key: "RWx", commit: "abc" }).define;
  expect(given).toMatchObject({ IMAGES_RELEASES: '"https://a.example/latest"', IMAGES_PUBLIC_KEY: '"RWx"' });
  expect(Object.keys(optionsOf({ outfile: "x", releases: "", key: "" }).define ?? {})).toEqual([
    "import.meta.url",
    "__filename",
  ]);
});

test("there is one version, and the runtimes are the ones of the Bun that runs", async () => {
  await using directory = await TestDirectory.make();
  const said: { version: string; platform: string; commit?: string } = JSON.parse(
    (await run(directory, ["version", "--json"])).stdout,
  );
  expect(said.version).toBe(manifest.version);
  expect(said.platform).toBe(`${process.platform}-${process.arch}`);
  expect(said.commit).toBeUndefined();
  expect(Bun.version).toBe(BUN);
});
