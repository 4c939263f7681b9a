import { resolve } from "node:path";
import spec from "../../docs/examples/jobs.conformance.ts";
import { conformance } from "./suite.ts";

/** The second example of the docs, of a cloud that works in jobs, with the emulator that stands beside it. */
await conformance("the second plugin of the docs", { ...spec, plugin: resolve("docs/examples/jobs.ts") });
