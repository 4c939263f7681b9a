import { identifyFile } from "../../../src/core/format/identify-file.ts";
import { planTransform } from "../../../src/core/format/plan.ts";
import { transform } from "../../../src/core/format/transform.ts";

// The program of peak.test.ts: converts a file to raw beside a heap as large as that of a whole run, and prints by how many bytes the
// memory of the process has grown at most.

const [path = "", directory = ""] = process.argv.slice(2);
const heap = Array.from({ length: 400_000 }, (_, index) => ({ index, text: `entry ${index}` }));
const target = { formats: ["raw"], compressions: ["none"] } as const;
const plan = planTransform(await identifyFile(path), target);
Bun.gc(true);
const before = process.memoryUsage.rss();
let peak = before;
let length = 0;
for await (const piece of transform({ kind: "file", path }, plan, { target, directory })) {
  length += piece.length;
  peak = Math.max(peak, process.memoryUsage.rss());
}
console.log(JSON.stringify({ length, grown: peak - before, heap: heap.length }));
