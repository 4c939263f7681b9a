import { expect, test } from "bun:test";
import { setImmediate } from "node:timers/promises";
import type { Config } from "../../../src/core/model/declaration.ts";
import type { PlanMode } from "../../../src/core/model/plan.ts";
import type { Content } from "../../../src/core/model/source.ts";
import type { PlanContext } from "../../../src/core/plan/context.ts";
import { LookAhead } from "../../../src/core/plan/look-ahead.ts";
import type { ImageLookup } from "../../../src/core/plan/observe.ts";
import type { Plugin } from "../../../src/core/plugin.ts";
import { ready, resource } from "./sample.ts";

const never = (): never => {
  throw new Error("not for here");
};
const plugin: Plugin = {
  api: 1,
  name: "xo",
  doc: "A pool where equal bytes are one image.",
  config: {},
  image: {},
  bytes: () => ({ formats: "any", compressions: "any" }),
  physical: () => undefined,
  open: never,
};
const previous: Content = { where: "/x", size: 7 };

const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await setImmediate();
};

/** One declared image with a record; its source is looked at by `look`. */
function recorded(
  look: () => Promise<Content>,
  mode: PlanMode = "normal",
  more: Pick<PlanContext, "lookNow"> & { readonly on?: Plugin } = {},
) {
  const { on = plugin, ...quick } = more;
  const declared = resource({});
  const config: Config = {
    file: "/images.toml",
    directory: "/",
    settings: { name: "n", parallelism: 1, state: "/s" },
    policy: { require: [] },
    resources: [declared],
    backends: [],
    moved: [],
    removed: [],
    imports: [],
    digest: "d",
  };
  const looked = { contents: 0, beginnings: 0 };
  const begun = Promise.withResolvers<string>();
  const signal = new AbortController().signal;
  const context: PlanContext = {
    config,
    plugins: new Map([[declared.backend, plugin]]),
    state: { version: 1, lineage: "l", serial: 1, images: {} },
    renamed: new Map(),
    open: never,
    look: async () => {
      looked.contents += 1;
      begun.resolve("listed");
      return await look();
    },
    ...quick,
    measure: async () => {
      looked.beginnings += 1;
      return { format: "raw" };
    },
    run: "r",
    signal,
    now: () => new Date(0),
  };
  const known = { ...ready({}), content: previous };
  const lookups: ImageLookup[] = [
    { address: declared.address, known, importing: undefined, names: [], held: [], labels: [] },
  ];
  const ahead = new LookAhead(context, { mode });
  const during = async <T>(listing: Promise<T>) =>
    await ahead.during(listing, on, lookups, { signal, note: () => undefined });
  const source = declared.source ?? never();
  const asked = async (before: Content = previous, quick = false) =>
    await ahead.context.look(source, before, signal, quick);
  const measured = async (wanted = plugin.bytes?.({})) => await ahead.context.measure?.(source, wanted, signal);
  return { during, looked, asked, measured, begun: begun.promise };
}

test("the source of a recorded image is looked at while its backend is listed, and once", async () => {
  const { during, looked, asked, measured, begun } = recorded(async () => ({ where: "/x", size: 8 }));
  // A listing that waits for the look: made one after the other, this never ends.
  expect(await during(begun)).toBe("listed");
  expect(await asked()).toEqual({ where: "/x", size: 8 });
  expect(await measured()).toEqual({ format: "raw" });
  expect(looked).toEqual({ contents: 1, beginnings: 1 });
});

test("what is asked otherwise, or again, is looked at again", async () => {
  const { during, looked, asked, measured, begun } = recorded(async () => previous);
  await during(begun);
  await asked({ where: "/x", size: 9 });
  await measured({ formats: ["raw"], compressions: "any" });
  expect(looked).toEqual({ contents: 2, beginnings: 2 });
  await asked();
  await measured();
  expect(looked).toEqual({ contents: 3, beginnings: 3 });
});

test("a large file that nothing is compared with is not told by what was read of it ahead", async () => {
  const { during, looked, asked, begun } = recorded(async () => previous);
  await during(begun);
  await asked(previous, true);
  expect(looked.contents).toBe(2);
});

test("a source on two backends is looked at ahead once", async () => {
  const { during, looked, asked, begun } = recorded(async () => previous);
  await during(begun);
  await asked();
  await during(turns(3));
  expect(looked.contents).toBe(1);
});

test("a look that fails leaves the listing alone, and is thrown where it is asked for", async () => {
  const { during, looked, asked, begun } = recorded(() => Promise.reject(new Error("the disk is gone")));
  expect(await during(begun)).toBe("listed");
  await expect(asked()).rejects.toThrow("the disk is gone");
  expect(looked.contents).toBe(1);
});

test("a listing that fails is thrown without waiting for a look", async () => {
  const { during } = recorded(() => new Promise(() => undefined));
  await expect(during(Promise.reject(new Error("refused")))).rejects.toThrow("refused");
});

test("a plan that only updates the state looks at no source", async () => {
  const { during, looked } = recorded(async () => previous, "refresh-only");
  await during(Promise.resolve());
  expect(looked).toEqual({ contents: 0, beginnings: 0 });
});

test("a file that is what it was is not looked at ahead, and asked for once; where its beginning is wanted, it is looked at", async () => {
  const { physical, ...on } = plugin;
  const stats: unknown[] = [];
  const lookNow: PlanContext["lookNow"] = (_, content, seen) => {
    stats.push(seen);
    return content;
  };
  const { during, looked } = recorded(async () => previous, "normal", { lookNow, on });
  await during(turns(5));
  expect(looked).toEqual({ contents: 0, beginnings: 0 });
  expect(stats).toEqual([new Map()]);
  const other = recorded(async () => previous, "normal", { lookNow });
  expect(await other.during(other.begun)).toBe("listed");
  expect(other.looked).toEqual({ contents: 1, beginnings: 1 });
});
