import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { codeOf, releaseCode } from "../../src/core/code-pages.ts";
import { type Range, sectionOf } from "../../src/core/elf.ts";
import { directory } from "./format/tools.ts";

const SMAPS = `00200000-01a39000 r--p 00000000 fe:00 5308421                            /opt/my tools/images
Size:              24804 kB
Rss:                6244 kB
Anonymous:             0 kB
VmFlags: rd mr mw me sd 
01a40000-0684a000 r-xp 01838000 fe:00 5308421                            /opt/my tools/images
Rss:               38088 kB
Anonymous:             0 kB
0685f000-06867000 r--p 06656000 fe:00 5308421                            /opt/my tools/images
Rss:                  32 kB
Anonymous:            12 kB
06867000-07cc4000 rw-p 0665e000 fe:00 5308421                            /opt/my tools/images
Rss:               10356 kB
Anonymous:             0 kB
7f0000000000-7f0000100000 r-xp 00000000 00:00 0 
Rss:                 900 kB
Anonymous:             0 kB
7f0000200000-7f0000300000 r-xp 00000000 fe:00 77                         /usr/lib/libc.so.6
Rss:                 900 kB
Anonymous:             0 kB
`;

test("only what nobody can write and nobody wrote is code: no relocated tables, no data, nothing of other files", () => {
  expect(codeOf("/opt/my tools/images", SMAPS)).toEqual([
    { start: 0x200000, length: 0x1839000 },
    { start: 0x1a40000, length: 0x4e0a000 },
  ]);
  // A page of the data, of 64 KiB at the most, is shared with what stands before and behind the section.
  const section = { start: 0x6a22000, length: 0x12a0000 };
  expect(codeOf("/opt/my tools/images", SMAPS, section)).toEqual([
    { start: 0x200000, length: 0x1839000 },
    { start: 0x1a40000, length: 0x4e0a000 },
    { start: 0x6a30000, length: 0x1290000 },
  ]);
  for (const outside of [
    { start: 0x6860000, length: 0x100000 },
    { start: 0x6a22000, length: 0x12b0000 },
    { start: 0x6a22000, length: 0x10000 },
  ])
    expect(codeOf("/opt/my tools/images", SMAPS, outside)).toHaveLength(2);
  expect(codeOf("/opt/my tools/images (deleted)", SMAPS)).toEqual([]);
  expect(codeOf("/opt/my", SMAPS)).toEqual([]);
  expect(codeOf("/opt/my tools/images", "")).toEqual([]);
});

test.if(process.platform === "linux")(
  "code that is released is out of the memory, and comes back as it was",
  async () => {
    const sorted = (): number[] => Array.from({ length: 1000 }, (_, at) => (at * 7919) % 1000).sort((a, b) => a - b);
    const before = { sorted: sorted(), digest: Bun.SHA256.hash("images", "hex") };
    releaseCode();
    const after = await codeInMemory();
    // More than 20 MB are there from the start on, and some 4 after a release; compilers may be at work beside it.
    expect(after).toBeLessThan(16_000);
    for (let round = 0; round < 100; round++) {
      releaseCode();
      expect(sorted()).toEqual(before.sorted);
      expect(Bun.SHA256.hash("images", "hex")).toBe(before.digest);
    }
  },
);

const built = resolve("dist/images");
const why = existsSync(built) ? "" : " (skipped: dist/images is not built)";
const whyNoSections = why !== "" || Bun.which("readelf") !== null ? why : " (skipped: readelf is not installed)";
test.skipIf(whyNoSections !== "")(`the section of a name is where readelf says${whyNoSections}`, () => {
  const said = Bun.spawnSync(["readelf", "-SW", built]).stdout.toString();
  for (const name of [".bun", ".text", ".rodata"]) {
    const [, start = "", , length = ""] =
      new RegExp(` \\${name} +\\S+ +([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]+) `).exec(said) ?? [];
    expect([name, sectionOf(built, name)]).toEqual([
      name,
      { start: Number.parseInt(start, 16), length: Number.parseInt(length, 16) },
    ]);
  }
  expect(sectionOf(built, ".bu")).toBeUndefined();
  expect(sectionOf(built, ".none")).toBeUndefined();
});

test("what is no program of 64 bits has no section: a text, an empty file, one that is cut off", async () => {
  await using at = await directory();
  const whole = new Uint8Array(await Bun.file("/proc/self/exe").slice(0, 64).arrayBuffer());
  for (const bytes of [
    new Uint8Array(),
    new TextEncoder().encode("#!/bin/sh\n".repeat(20)),
    whole,
    whole.subarray(0, 40),
  ]) {
    await Bun.write(join(at.path, "file"), bytes);
    expect(sectionOf(join(at.path, "file"), ".text")).toBeUndefined();
  }
});

test.skipIf(why !== "" || process.platform !== "linux")(
  `a run writes nothing where its modules are: they may be given back, as they are in the file${why}`,
  async () => {
    await using at = await directory();
    const section = sectionOf(built, ".bun");
    if (section === undefined) throw new Error("the program has no modules");
    const given = Promise.withResolvers<void>();
    /** The beginning of a file of which the rest never comes. */
    const body = (): ReadableStream<Uint8Array> => {
      let left = 24;
      return new ReadableStream({
        pull: async (to) => {
          left -= 1;
          if (left >= 0) to.enqueue(new Uint8Array(1 << 20).fill(left + 1));
          else given.resolve();
          if (left < 0) await new Promise(() => undefined);
        },
      });
    };
    await using server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response(body()) });
    await Bun.write(
      join(at.path, "images.toml"),
      `[settings]\nname = "x"\n[backend.x]\nplugin = "local"\npath = "./store"\n[image.a]\nsource = { url = "${server.url}disk.raw" }\nformat = "raw"\n`,
    );
    const child = Bun.spawn([built, "apply", "--yes"], {
      cwd: at.path,
      env: { ...process.env, HOME: at.path, XDG_CACHE_HOME: at.path },
      stdio: ["ignore", "ignore", "ignore"],
    });
    try {
      await given.promise;
      const pages = await pagesOf(child.pid, section);
      expect(pages.inMemory).toBeGreaterThan(100);
      expect(pages.written).toBe(0);
    } finally {
      child.kill("SIGKILL");
      await child.exited;
    }
  },
);

/** Of the pages of a range those in memory, and those that are no more as they are in the file (proc_pid_pagemap(5): bits 63 and 61). */
async function pagesOf(pid: number, { start, length }: Range): Promise<{ inMemory: number; written: number }> {
  await using file = await open(`/proc/${pid}/pagemap`);
  const count = Math.floor(length / 4096);
  const { buffer } = await file.read(new Uint8Array(count * 8), 0, count * 8, Math.ceil(start / 4096) * 8);
  const view = new DataView(buffer.buffer);
  const tops = Array.from({ length: count }, (_, at) => view.getUint8(at * 8 + 7)).filter((top) => (top & 0x80) !== 0);
  return { inMemory: tops.length, written: tops.filter((top) => (top & 0x20) === 0).length };
}

/** KiB of the code of this program that are in memory. */
async function codeInMemory(): Promise<number> {
  const smaps = await readFile("/proc/self/smaps", "utf8");
  const all = smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m).filter((mapping) => mapping.includes(process.execPath));
  return all
    .filter((mapping) => /^\S+ r-xp/.test(mapping))
    .reduce((sum, mapping) => sum + Number(/^Rss: +(\d+)/m.exec(mapping)?.[1] ?? 0), 0);
}
