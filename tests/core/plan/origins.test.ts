import { expect, test } from "bun:test";
import type { Config } from "../../../src/core/model/declaration.ts";
import { backendName } from "../../../src/core/model/name.ts";
import { boolean, integer, optional, string, table, withDefault } from "../../../src/core/model/types.ts";
import type { Attributes } from "../../../src/core/model/value.ts";
import type { PlanContext } from "../../../src/core/plan/context.ts";
import { DesiredImages } from "../../../src/core/plan/desired.ts";
import type { Backend, Plugin } from "../../../src/core/plugin.ts";
import { ready, resource } from "./sample.ts";

// An origin is known by what the plugin declares of it, whatever its attributes are called.

const image = {
  template: optional(
    table({ pool: optional(string(), "A pool."), uuid: optional(string(), "A uuid.") }),
    "A template.",
  ),
  track: withDefault(boolean(), true, "Whether it is looked at again."),
  follow: optional(boolean(), "An attribute that only has this name."),
  volume: optional(string(), "A volume.", { compare: "recorded" }),
  host: optional(integer(), "Its host.", { compare: "recorded" }),
  url: optional(string(), "Signed.", { stored: (text) => text.split("?")[0] ?? "" }),
  ticket: optional(string(), "Secret.", { sensitive: true, compare: "never" }),
};
const plugin: Plugin = {
  api: 1,
  name: "xo",
  doc: "A pool.",
  config: {},
  image,
  origins: [
    { name: "from a template", needs: ["template"], follow: "track" },
    { name: "from a volume", needs: ["volume", "host"] },
    { name: "from a url", needs: ["url"] },
    { name: "by a ticket", needs: ["ticket"] },
  ],
  open: async () => {
    throw new Error("not opened");
  },
};

const uncalled = (): never => {
  throw new Error("an origin is known without this");
};

async function wanted(attributes: Attributes, resolves = true) {
  let resolved = 0;
  const { source: _, ...one } = resource(attributes);
  const config: Config = {
    file: "/images.toml",
    directory: "/",
    settings: { name: "n", parallelism: 1, state: "/s" },
    policy: { require: [] },
    resources: [one],
    backends: [],
    moved: [],
    removed: [],
    imports: [],
    digest: "d",
  };
  const means: PlanContext = {
    config,
    plugins: new Map([[backendName("lab"), plugin]]),
    state: { version: 1, lineage: "l", serial: 1, images: {} },
    renamed: new Map(),
    open: uncalled,
    look: uncalled,
    run: "r",
    signal: new AbortController().signal,
    now: () => new Date(0),
  };
  const backend: Backend = {
    read: uncalled,
    list: uncalled,
    create: uncalled,
    update: uncalled,
    delete: uncalled,
    ...(resolves && {
      resolve: async () => {
        resolved += 1;
        return { content: "now", serverSide: true, verified: true };
      },
    }),
    [Symbol.asyncDispose]: async () => undefined,
  };
  const reading = { signal: means.signal, note: () => undefined };
  const { content, hasOrigin } = await new DesiredImages(means).want(
    { resource: one, later: [], missing: [] },
    ready(attributes),
    backend,
    reading,
    { quick: false },
  );
  return { resolved, where: content?.where, known: content?.resolved, origin: hasOrigin };
}

test("the attribute that pins an origin is the one that the plugin names, not one with a name that core knows", async () => {
  const template = { uuid: "t-1" };
  expect(await wanted({ template, track: true, follow: false })).toMatchObject({ resolved: 1, known: "now" });
  expect(await wanted({ template, track: false })).toMatchObject({ resolved: 0 });
});

test("an origin is shown by the attributes that it needs: one as it is, several as a table, no secret and no signature", async () => {
  expect((await wanted({ template: { uuid: "t-1" } })).where).toBe('{"uuid":"t-1"}');
  expect((await wanted({ volume: "v", host: 3 })).where).toBe('{"host":3,"volume":"v"}');
  expect((await wanted({ url: "https://h/x?signature=s" })).where).toBe('"https://h/x"');
  expect((await wanted({ ticket: "env:T" })).where).toBe("the backend");
  expect(await wanted({ volume: "v" }, false)).toMatchObject({ where: '{"volume":"v"}', origin: true });
  expect(await wanted({})).toMatchObject({ where: undefined, origin: false, resolved: 0 });
});
