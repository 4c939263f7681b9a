import { inDirectory } from "./measure.ts";
import { FORMS } from "./peaks/forms.ts";
import { PeakWorld, type Run } from "./peaks/world.ts";

// bun bench/peaks.ts [MiB of the disk, default 256] [only lines that match this] [images at once, default 1,8] [backends, default local,glance,incus,s3]
// The most memory that the compiled program takes for each form of an image that becomes raw or qcow2: from files and over HTTP, with a
// cache and without one, one and several at once. Needs dist/images (bun run build), the tools that make the forms, and versitygw for a
// bucket; what is missing is left out.

const SINKS = ["local", "glance", "incus", "s3"] as const;
const VIAS = ["file", "HTTP", "HTTP without a cache"] as const;

async function main(size: number, only: RegExp, counts: readonly number[], sinks: readonly string[]): Promise<void> {
  await inDirectory(async (at) => {
    await using world = await PeakWorld.begin(at, size, process.env["IMAGES_BENCH_NOISE"] === "1" ? "noise" : "mixed");
    for (const form of FORMS) {
      const runs: Run[] = form.to.flatMap((to) =>
        SINKS.filter((sink) => sinks.includes(sink) && (sink !== "incus" || to === "qcow2")).flatMap((sink) =>
          VIAS.flatMap((via) => counts.map((count) => ({ form, to, sink, via, count }))),
        ),
      );
      const wanted = runs.filter((run) => only.test(words(run)));
      if (wanted.length === 0) continue;
      if (Bun.which(form.tool) === null) {
        console.log(`${form.name}: ${form.tool} is not installed`);
        continue;
      }
      await world.make(form);
      for (const run of wanted) {
        const said = await world.apply(run).then(
          ({ rss, ms }) => `${(rss / 1e6).toFixed(0).padStart(4)} MB ${(ms / 1000).toFixed(1).padStart(6)} s`,
          // A disk that shows only at its end is refused where that cannot be seen.
          (thrown: unknown) => `failed: ${/\S*error: (.*)/.exec(String(thrown))?.[1] ?? thrown}`,
        );
        console.log(`${words(run).padEnd(70)} ${said}`);
      }
    }
  });
}

const words = ({ form, to, sink, via, count }: Run): string => `${form.name} -> ${to}, ${sink}, ${count} by ${via}`;

const [size = "256", only = "", counts = "1,8", sinks = SINKS.join()] = process.argv.slice(2);
await main(Number(size) * (1 << 20), new RegExp(only), counts.split(",").map(Number), sinks.split(","));
