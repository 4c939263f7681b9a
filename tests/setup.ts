import { host } from "../src/cli/host.ts";

// Plugin files of tests import the module "images", as they do under the program.
host();

// scripts/test.ts sets them for the processes of tests: what they start with `process.env` runs as users start it. Bun.spawn without `env`
// still passes them on.
for (const name of Object.keys(process.env)) if (/^(BUN_JSC_threshold|MIMALLOC_)/.test(name)) delete process.env[name];

// A process of tests holds more than a run may: there the memory of used pieces would be collected, and the code of Bun taken out of memory,
// for every few MiB that flow. Programs that tests start do so, and their memory is measured by tests/core/format/peak.test.ts and `bun run
// peaks`; a test that looks at its own memory asks `process.memoryUsage()`.
Bun.gc = () => 0;
process.memoryUsage.rss = () => 0;
