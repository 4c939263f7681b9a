import { expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { codeOf, releaseCode } from "../../src/core/code-pages.ts";

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

/** KiB of the code of this program that are in memory. */
async function codeInMemory(): Promise<number> {
  const smaps = await readFile("/proc/self/smaps", "utf8");
  const all = smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m).filter((mapping) => mapping.includes(process.execPath));
  return all
    .filter((mapping) => /^\S+ r-xp/.test(mapping))
    .reduce((sum, mapping) => sum + Number(/^Rss: +(\d+)/m.exec(mapping)?.[1] ?? 0), 0);
}
