import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { World } from "./world.ts";

setDefaultTimeout(300_000);

const OTHERS = `[backend.vk]
plugin = "vkcs"
cloud = "x"
[backend.out]
plugin = "outscale"
access_key = "env:AK"
secret_key = "env:SK"
region = "eu-west-2"
bucket = "images"
[backend.lin]
plugin = "linode"
token = "env:LT"
[backend.os]
plugin = "openstack"
cloud = "x"
[backend.lab]
plugin = "incus"
project = "default"
`;
const IMAGES = `[image.local]
backend = "store"
visibility = "public"
tags = ["a"]
on_remove = "delete"
source = { file = "a.img", checksum = "sha256:${"0".repeat(64)}" }
[image.vk]
backend = "vk"
source = "a.img"
disk_format = "raw"
visibility = "private"
min_disk_gb = 1
[image.out]
backend = "out"
source = "a.img"
boot_modes = ["uefi"]
architecture = "x86_64"
[image.lin]
backend = "lin"
source = "a.img"
region = "us-east"
label = "debian"
[image.os]
backend = "os"
source = { url = "https://x.example/a.img" }
min_ram_mb = 1
protected = false
[image.lab]
backend = "lab"
source = "a.img"
public = true
`;
const SETTINGS = '[settings]\nname = "v"\nparallelism = 2\n';

/** A line of the right file, what takes its place, and the error of that. Each has a line of its own. */
const WRONG: readonly (readonly [line: string, wrong: string, message: string])[] = [
  ["parallelism = 2", "paralelism = 2", 'unknown key "paralelism"'],
  ["parallelism = 2", 'parallelism = "two"', "expected a whole number, got a string"],
  ['plugin = "openstack"', 'plugin = "opnstack"', 'there is no plugin "opnstack"'],
  ['plugin = "linode"', 'plugin = "zzzz"', 'there is no plugin "zzzz"'],
  ['plugin = "incus"', "plugin = 7", "expected the name or path of a plugin"],
  ['project = "default"', "project = 7", "expected a string, got a number"],
  ['cloud = "x"', 'clowd = "x"', 'unknown key "clowd" for a backend of vkcs'],
  ['token = "env:LT"', 'token = "written-out"', "token"],
  ['backend = "vk"', 'backend = "vkk"', 'there is no backend "vkk"'],
  ['backend = "out"', 'backend = "nowhere-at-all"', 'there is no backend "nowhere-at-all"'],
  ['visibility = "public"', 'visibility = "publik"', 'expected "public" | "private", got "publik"'],
  ['tags = ["a"]', "tags = [5]", "expected a string, got a number"],
  ['on_remove = "delete"', 'on_remove = "delte"', 'got "delte"'],
  [`checksum = "sha256:${"0".repeat(64)}"`, `checksum = "sha256:${"0".repeat(63)}"`, "this has 63"],
  ['file = "a.img"', "file = 5", "expected a string, got a number"],
  ['disk_format = "raw"', 'disk_format = "qcow2"', "VK Cloud keeps disks as raw"],
  ["min_disk_gb = 1", 'min_disk_gb = "1"', "expected a whole number, got a string"],
  ['boot_modes = ["uefi"]', 'boot_modes = ["ueffi"]', 'got "ueffi"'],
  ['architecture = "x86_64"', "architecture = 64", "expected"],
  ['bucket = "images"', "# no bucket", "bytes reach Outscale through a bucket"],
  ['label = "debian"', 'labl = "debian"', 'unknown key "labl"'],
  ['region = "us-east"', "region = 1", "expected a region"],
  ['url = "https://x.example/a.img"', 'url = "ftp://x.example/a.img"', "https:// or http://"],
  ["min_ram_mb = 1", "min_ram_mb = -1", "expected 0 to"],
  ["protected = false", "protected = 1", "expected a boolean, got a number"],
  ["public = true", "publik = true", 'unknown key "publik"'],
];
/** Of a plugin that nobody knows, nobody knows what it takes: what stands in its tables is not told before it has a name. */
const UNKNOWN: readonly (readonly [plugin: string, of: readonly string[]])[] = [
  ['plugin = "zzzz"', ["region = 1", 'labl = "debian"', 'token = "written-out"']],
  ["plugin = 7", ["project = 7", "publik = true"]],
];

interface Told {
  readonly code: number;
  readonly found: {
    readonly valid: boolean;
    readonly error_count: number;
    readonly diagnostics: readonly { summary: string; hint?: string }[];
  };
}

async function validated(lines: readonly number[]): Promise<Told> {
  let text = `${OTHERS}${IMAGES}`;
  let settings = SETTINGS;
  for (const i of lines) {
    const [right, wrong] = WRONG[i] ?? ["", "", ""];
    if (settings.includes(right)) settings = settings.replace(right, wrong);
    else if (text.includes(right)) text = text.replace(right, wrong);
    else throw new Error(`${right} is not in the file`);
  }
  await using world = await World.make("");
  await world.declare(text, settings);
  const said = await world.run(["validate", "--json"], { env: { LT: "1", AK: "1", SK: "1" } });
  return { code: said.code, found: JSON.parse(said.stdout) };
}

const summaries = ({ found }: Told): string[] => found.diagnostics.map(({ summary }) => summary).sort();

test("the right file is valid", async () => {
  const told = await validated([]);
  expect([summaries(told), told.code, told.found.valid]).toEqual([[], 0, true]);
});

describe("one error is one", () => {
  for (const [i, [line, wrong, message]] of WRONG.entries())
    test(`${wrong} in the place of ${line}`, async () => {
      const told = await validated([i]);
      expect([summaries(told).length, told.found.error_count, told.code]).toEqual([1, 1, 1]);
      expect(summaries(told)[0]).toContain(message);
    });
});

test("a type error hides no rule of the same image, and a rule that it may be the cause of is not told", async () => {
  const file = (lines: string) =>
    `${OTHERS}[image.vk]\nbackend = "vk"\nsource = "a.img"\nproperties = { store = "s3" }\n${lines}`;
  await using world = await World.make("");
  const env = { LT: "1", AK: "1", SK: "1" };
  await world.declare(file('min_disk_gb = "x"\n'), SETTINGS);
  const both = JSON.parse((await world.run(["validate", "--json"], { env })).stdout);
  expect(both.diagnostics.map(({ summary }: { summary: string }) => summary)).toEqual([
    "store is computed by VK Cloud and cannot be set as a property",
    "expected a whole number, got a string",
  ]);
  await world.declare(file('members = ["p"]\nvisibility = "x"\n'), SETTINGS);
  const one = JSON.parse((await world.run(["validate", "--json"], { env })).stdout);
  expect(one.error_count).toBe(2);
  expect(JSON.stringify(one.diagnostics)).not.toContain("has no members");
});

test("a backend with errors does not hide that the name is missing", async () => {
  await using world = await World.make("");
  await Bun.write(world.directory.at("images.toml"), '[backend.l]\nplugin = "local"\npath = 5\n');
  const told = JSON.parse((await world.ends(1, "validate", "--json")).stdout);
  expect(told.error_count).toBe(2);
  expect(JSON.stringify(told.diagnostics)).toContain("[settings] name is required");
});

test("three errors that have nothing to do with each other are all told, whichever they are, and counted", async () => {
  const alone = await Promise.all(WRONG.map(async (_, i) => summaries(await validated([i]))));
  let seed = 1;
  const random = (below: number): number => {
    seed = (seed * 48271) % 2147483647;
    return seed % below;
  };
  const hidden: string[] = [];
  for (let round = 0; round < 400; round++) {
    const chosen = [...new Set([random(WRONG.length), random(WRONG.length), random(WRONG.length)])];
    const lines = chosen.map((i) => WRONG[i]?.[0] ?? "");
    const wrongs = chosen.map((i) => WRONG[i]?.[1] ?? "");
    if (new Set(lines).size < 3) continue;
    if (UNKNOWN.some(([plugin, of]) => wrongs.includes(plugin) && of.some((one) => wrongs.includes(one)))) continue;
    const told = await validated(chosen);
    const wanted = chosen.flatMap((i) => alone[i] ?? []).sort();
    if (summaries(told).join("\n") !== wanted.join("\n") || told.found.error_count !== 3)
      hidden.push(`${chosen.map((i) => WRONG[i]?.[1]).join("  +  ")}: ${summaries(told).join("; ")}`);
  }
  expect(hidden).toEqual([]);
}, 300_000);
