import { expect, test } from "bun:test";
import type { Config } from "../../../src/core/model/declaration.ts";
import { address, backendName, imageName } from "../../../src/core/model/name.ts";
import type { Content } from "../../../src/core/model/source.ts";
import { optional, string } from "../../../src/core/model/types.ts";
import type { PlanContext } from "../../../src/core/plan/context.ts";
import { DesiredImages } from "../../../src/core/plan/desired.ts";
import type { Backend, Plugin } from "../../../src/core/plugin.ts";
import { ready, resource } from "./sample.ts";

const never = (): never => {
  throw new Error("not for here");
};
const plugin: Plugin = {
  api: 1,
  name: "xo",
  doc: "A pool.",
  config: {},
  image: { label: optional(string(), "A name.") },
  bytes: () => ({ formats: "any", compressions: "any" }),
  open: never,
};
const backend: Backend = {
  read: never,
  list: never,
  create: never,
  update: never,
  delete: never,
  [Symbol.asyncDispose]: async () => undefined,
};

/** An image on as many backends as there are contents; each was made from one of these. What was looked at. */
async function looks(contents: readonly Content[], lookNow?: PlanContext["lookNow"]) {
  const one = resource({});
  const on = contents.map((_, i) => backendName(`lab${i}`));
  const resources = on.map((name) => ({ ...one, backend: name, address: address(name, imageName("debian")) }));
  const config: Config = {
    file: "/images.toml",
    directory: "/",
    settings: { name: "n", parallelism: 1, state: "/s" },
    policy: { require: [] },
    resources,
    backends: [],
    moved: [],
    removed: [],
    imports: [],
    digest: "d",
  };
  const looked: (Content | undefined)[] = [];
  const means: PlanContext = {
    config,
    plugins: new Map(on.map((name) => [name, plugin])),
    state: { version: 1, lineage: "l", serial: 1, images: {} },
    renamed: new Map(),
    open: never,
    look: async (_, previous) => {
      looked.push(previous);
      return previous ?? { where: "/x" };
    },
    ...(lookNow === undefined ? {} : { lookNow }),
    run: "r",
    signal: new AbortController().signal,
    now: () => new Date(0),
  };
  const wants = new DesiredImages(means);
  const found: (Content | undefined)[] = [];
  for (const [i, content] of contents.entries()) {
    const one = resources[i] ?? never();
    const known = { ...ready({}), backend: one.backend, content };
    const about = { resource: one, later: [], missing: [] };
    const reading = { signal: means.signal, note: () => undefined };
    found.push((await wants.want(about, known, backend, reading, { quick: false })).content);
  }
  return { looked, found };
}

const made = (size: number): Content => ({ where: "/x", size, stat: { size, mtime: "1", inode: "2" } });

test("a source is looked at once for an image that was made from the same on each backend", async () => {
  const { looked, found } = await looks([made(1), made(1), made(1)]);
  expect(looked).toEqual([made(1)]);
  expect(found).toEqual([made(1), made(1), made(1)]);
});

test("and again where it was made from something else, which it is compared with", async () => {
  const { looked, found } = await looks([made(1), made(2), made(2), made(1)]);
  expect(looked).toEqual([made(1), made(2), made(1)]);
  expect(found).toEqual([made(1), made(2), made(2), made(1)]);
});

test("what is seen without waiting is asked once too, and looked at only where it was made from something else", async () => {
  const asked: Content[] = [];
  const { looked, found } = await looks([made(1), made(1), made(2), made(1)], (_, previous) => {
    asked.push(previous);
    return previous.size === 1 ? previous : undefined;
  });
  expect(asked).toEqual([made(1), made(2), made(1)]);
  expect(looked).toEqual([made(2)]);
  expect(found).toEqual([made(1), made(1), made(2), made(1)]);
});
