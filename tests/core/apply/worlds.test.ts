import { expect, test } from "bun:test";
import fc from "fast-check";
import { Failure } from "../../../src/core/failure.ts";
import type { ImageId } from "../../../src/core/model/name.ts";
import { AT, Checkout, type Declared, digestOf, type Kept, Killed, World } from "./world.ts";

// Random worlds and random runs: an image that no state has a record of is never deleted, renamed or changed, but for the marker of one
// that is adopted as it is declared, or by --adopt.

const RUNS = Number(process.env["IMAGES_TEST_WORLDS"] ?? 1000);

const bytes = fc.constantFrom("one", "two", "three");
const image = fc.constantFrom("a", "b");
const declared: fc.Arbitrary<Declared> = fc.record(
  {
    bytes,
    label: fc.constantFrom("x", "y"),
    retain: fc.constantFrom(0, 1, 2),
    absent: fc.boolean(),
    disk: fc.constantFrom("A", "B"),
  },
  { requiredKeys: ["bytes"] },
);
const file = fc.dictionary(image, declared, { maxKeys: 2 });

/** What stands there before, by other hands. */
const planted = fc.record({
  kind: fc.constantFrom("plain", "another file", "another lineage", "a copied marker", "interrupted"),
  image,
  bytes,
  label: fc.option(fc.constantFrom("x", "z"), { nil: undefined }),
});

const step = fc.oneof(
  fc.record({
    do: fc.constant("apply" as const),
    who: fc.constantFrom(0, 1, 2),
    file,
    adopt: fc.boolean(),
    replace: fc.boolean(),
    destroy: fc.boolean(),
    stop: fc.option(fc.record({ at: fc.nat(12), kind: fc.constantFrom("kill" as const, "fail" as const) }), {
      nil: undefined,
    }),
    used: fc.boolean(),
  }),
  fc.record({ do: fc.constant("lose" as const), who: fc.constantFrom(0, 1, 2) }),
  fc.record({ do: fc.constant("copy" as const), which: fc.nat(8) }),
  fc.record({ do: fc.constant("restore" as const), who: fc.constantFrom(0, 1, 2) }),
);

function plant(
  world: World,
  one: { kind: string; image: string; bytes: string; label: string | undefined },
  i: number,
) {
  const id = `f-${i}`;
  const marker = { file: "images", owner: AT(one.image), content: digestOf(one.bytes), lineage: "L9" };
  const label = one.label === undefined ? {} : { label: one.label };
  const by = {
    plain: {},
    "another file": { mark: { ...marker, file: "others", self: id } },
    "another lineage": { mark: { ...marker, self: id } },
    "a copied marker": { mark: { ...marker, lineage: "L0", self: "elsewhere" } },
    interrupted: { mark: { ...marker, self: "~nonce" } },
  }[one.kind];
  world.plant({ id, name: AT(one.image), bytes: one.bytes, ...label, ...by });
}

interface Held {
  readonly recorded: ReadonlySet<ImageId>;
  readonly images: ReadonlyMap<ImageId, Kept>;
}

/** What a state has a record of: by id, or a creation that it began and of which only the marker tells. */
function recordedBy({ rows, lineage, file }: Checkout, world: World): ReadonlySet<ImageId> {
  const ids = [...rows.values()].flatMap((row) => [
    ...(row.id === undefined ? [] : [row.id]),
    ...(row.status === "replacing" && row.next !== undefined ? [row.next] : []),
    ...(row.retained ?? []).map(({ id }) => id),
  ]);
  const begun = [...world.images.values()].filter(({ id, mark: marker }) => {
    const status = marker === undefined ? undefined : rows.get(marker.owner)?.status;
    const isBegun = status === "creating" || status === "replacing";
    return isBegun && marker?.self === id && marker.lineage === lineage && marker.file === file;
  });
  return new Set([...ids, ...begun.map(({ id }) => id)]);
}

/** Images without a record in the state that ran: they are there, as they were, but for a marker that the run was allowed to write. */
function unharmed(before: Held, world: World, started: ReadonlySet<ImageId>): void {
  for (const [id, kept] of before.images) {
    if (before.recorded.has(id)) continue;
    const now = world.images.get(id);
    if (now === undefined) throw new Error(`${id} had no record, and is gone`);
    expect([id, now.name, now.bytes]).toEqual([id, kept.name, kept.bytes]);
    const isAdopted = started.has(id);
    if (!isAdopted) expect([id, now]).toEqual([id, kept]);
    if (kept.mark?.self === "elsewhere" || kept.mark?.self?.startsWith("~") === true)
      expect([id, now]).toEqual([id, kept]);
  }
}

for (const unique of [false, true]) {
  test(`${RUNS} worlds${unique ? ", where a name is there once" : ""}: an image without a record is never deleted, renamed or changed`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(planted, { maxLength: 4 }),
        fc.array(step, { minLength: 1, maxLength: 8 }),
        async (others, steps) => {
          const world = new World({ unique });
          for (const [i, one] of others.entries()) plant(world, one, i);
          const who = [
            new Checkout(world, "images", "L1"),
            new Checkout(world, "images", "L2"),
            new Checkout(world, "rival", "L3"),
          ];
          const kept = who.map(({ rows }) => rows);
          for (const one of steps) {
            if (one.do === "copy") {
              const from = [...world.images.values()][one.which];
              if (from !== undefined) world.plant({ ...from, id: `c-${world.images.size}-${from.id}` });
              continue;
            }
            const here = who[one.who];
            if (here === undefined) continue;
            if (one.do === "lose") {
              kept[one.who] = here.rows;
              here.forget();
              continue;
            }
            if (one.do === "restore") {
              here.rows = new Map(kept[one.who]);
              continue;
            }
            const before: Held = { recorded: recordedBy(here, world), images: new Map(world.images) };
            let calls = 0;
            world.uses = () => (one.used ? "1 server" : undefined);
            world.interrupt = () => {
              if (one.stop !== undefined && calls++ === one.stop.at)
                throw one.stop.kind === "kill" ? new Killed() : new Failure("backend.server", "500");
            };
            await here
              .apply(one.file, {
                adopt: one.adopt,
                replace: one.replace ? ["m/a"] : [],
                mode: one.destroy ? "destroy" : "normal",
              })
              .catch((thrown: unknown) => {
                if (!(thrown instanceof Killed) && !(thrown instanceof Failure)) throw thrown;
              });
            world.revive();
            const adopted = new Set(
              (world.planned?.steps ?? []).flatMap((planned) => (planned.action === "adopt" ? [planned.id] : [])),
            );
            unharmed(before, world, adopted);
            if (one.used) for (const id of before.images.keys()) expect([id, world.images.has(id)]).toEqual([id, true]);
          }
        },
      ),
      { numRuns: RUNS },
    );
  }, 600_000);
}
