// What a state costs: an apply of so many new addresses (three records each, eight at a time), one that changes one of them, and a plan, on each kind of
// state with a real server on this machine. Requests, bytes on the wire, seconds. The figures of docs/scale.md. BENCH_WHOLE=1: also 10,000 new
// addresses over HTTP, which takes minutes.
import { showState } from "../src/core/store/document.ts";
import { acquireLock } from "../src/core/store/lock.ts";
import { openStore } from "../src/core/store/state.ts";
import { flaky } from "../tests/core/store/flaky.ts";
import { at, holder, row, signal } from "../tests/core/store/help.ts";
import { KINDS, type Kind } from "../tests/core/store/kinds.ts";
import { openAt } from "../tests/core/store/openat.ts";

const COUNTS = (process.env["BENCH_ADDRESSES"] ?? "1,100,10000").split(",").map(Number);
/** As an apply records it: with the attributes and the content of a real image. */
const WANT = { name: "debian-12-genericcloud-amd64", min_disk_gb: 3, tags: ["debian", "12"], visibility: "private" };

async function measured(
  kind: Kind,
  place: string,
  work: (storage: ReturnType<typeof openAt>["storage"]) => Promise<void>,
) {
  const port = kind.port(place);
  await using way = port === undefined ? undefined : await flaky(port);
  let requests = 0;
  const { storage, close } = openAt(way === undefined ? place : kind.by(place, way.port), () => requests++);
  const start = performance.now();
  await work(storage);
  const seconds = (performance.now() - start) / 1000;
  await close();
  const [sent, got] = way?.bytes() ?? [0, 0];
  return { requests, sent, got, seconds };
}

const mib = (bytes: number): string =>
  bytes < 100_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;

/** A state of so many addresses, put there as a document. */
async function seeded(kind: Kind, place: string, count: number): Promise<void> {
  await measured(kind, place, async (storage) => {
    await using lease = await acquireLock(storage, holder("seed"), { signal });
    const images = Object.fromEntries(
      Array.from({ length: count }, (_, i) => [at("lab", `image-${i}`), row("lab", "ready", WANT)]),
    );
    await lease.write(showState({ version: 1, lineage: "seed", serial: 1, images }), undefined);
  });
}

async function one(kind: Kind, count: number): Promise<void> {
  const place = await kind.place();
  // Without a journal each change sends the document: 10,000 new addresses are said on paper.
  const isSeeded = !kind.journals && count > 1000 && process.env["BENCH_WHOLE"] === undefined;
  if (isSeeded) await seeded(kind, place, count);
  const apply = await measured(kind, place, async (storage) => {
    await using store = await openStore({ storage, operation: "apply", write: true, signal });
    const queue = Array.from({ length: isSeeded ? 0 : count }, (_, i) => i);
    const worker = async () => {
      for (let i = queue.shift(); i !== undefined; i = queue.shift())
        for (const id of ["begun", "made", "ready"]) await store.put(at("lab", `image-${i}`), row("lab", id, WANT));
    };
    await Promise.all(Array.from({ length: 8 }, worker));
  });
  const plan = await measured(kind, place, async (storage) => {
    await using _ = await openStore({ storage, operation: "plan", write: false, signal });
  });
  const change = await measured(kind, place, async (storage) => {
    await using store = await openStore({ storage, operation: "apply", write: true, signal });
    for (const id of ["begun", "made", "ready again"]) await store.put(at("lab", "image-0"), row("lab", id, WANT));
  });
  const cells = [apply, change, plan].flatMap(({ requests, sent, got, seconds }) => [
    requests === 0 ? "-" : `${requests}`,
    sent === 0 ? "-" : `${mib(sent)} / ${mib(got)}`,
    seconds.toFixed(2),
  ]);
  console.log(`| ${kind.name} | ${count} | ${cells.join(" | ")} |`);
}

console.log(
  "| state | addresses | all new: requests | sent / got | s | one changed: requests | sent / got | s | plan: requests | sent / got | s |",
);
console.log("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
for (const kind of KINDS.filter(({ is, name }) => is && name.includes(process.env["BENCH_KINDS"] ?? ""))) {
  await kind.start();
  for (const count of COUNTS) {
    await one(kind, count);
  }
  await kind.stop();
}
