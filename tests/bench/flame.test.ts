import { expect, test } from "bun:test";
import { resolve } from "node:path";
import { areas, drawn, folded, heaviest, type Profile } from "../../bench/race/flame.ts";

const node = (id: number, functionName: string, path: string, ...children: readonly number[]) => ({
  id,
  callFrame: { functionName, url: path === "" ? "" : `file://${resolve(path)}`, lineNumber: path === "" ? -1 : 7 },
  children,
});

/** main calls read, which calls gc; and hash, of a library. Each sample is 2 ms. */
const PROFILE: Profile = {
  nodes: [
    node(1, "(root)", "", 2),
    node(2, "main", "src/cli/main.ts", 3, 5),
    node(3, "read", "src/core/disk/read.ts", 4),
    node(4, "gc", ""),
    node(5, "hash<T>", "node_modules/fast/hash.js"),
  ],
  samples: [2, 3, 4, 4, 5],
  timeDeltas: [2000, 2000, 2000, 2000, 2000],
};

test("samples become a tree of times, by names without paths of the machine", () => {
  const root = folded(PROFILE);
  expect(root.total).toBe(10);
  expect([...root.calls.keys()]).toEqual(["main src/cli/main.ts:7"]);
  expect(heaviest(root, 2)).toEqual([
    ["gc", 4],
    ["main src/cli/main.ts:7", 2],
  ]);
});

test("what has no place of ours counts for the directory of ours that called it", () => {
  expect(areas(folded(PROFILE))).toEqual([
    ["src/core/disk", 6],
    ["src/cli", 4],
  ]);
});

test("the picture is one SVG: a box for each frame, as wide as its share, with its time", () => {
  const svg = drawn(folded(PROFILE), "a & b");
  expect(svg.match(/<rect [^>]*rx="1"/g)?.length).toBe(5);
  expect(svg).toContain("<title>gc: 4.0 ms, 40.0 %</title>");
  expect(svg).toContain('width="480.0"');
  expect(svg).toContain("<title>hash&lt;T&gt; node_modules/fast/hash.js:7: 2.0 ms, 20.0 %</title>");
  expect(svg).toContain(">a &amp; b (10 ms)</text>");
  expect(svg).not.toContain(resolve("."));
});
