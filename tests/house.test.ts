import { expect, test } from "bun:test";
import { builtinModules } from "node:module";
import { dirname, join, normalize } from "node:path";

const FROM = /^(?:import|export)\b[^;]*?from\s+"([^"]+)"|\bimport\("([^"]+)"\)/gm;
const arrows: [from: string, to: string][] = [];
const lengths = new Map<string, number>();
const texts = new Map<string, string>();
for await (const file of new Bun.Glob("src/**/*.ts").scan(".")) {
  const text = await Bun.file(file).text();
  texts.set(file, text);
  lengths.set(file, text.split("\n").length - 1);
  for (const [, a, b] of text.matchAll(FROM)) {
    const to = a ?? b ?? "";
    arrows.push([file, to.startsWith(".") ? normalize(join(dirname(file), to)) : to]);
  }
}

const broken = (from: RegExp, to: RegExp): string[] =>
  arrows.filter(([a, b]) => from.test(a) && to.test(b)).map((arrow) => arrow.join(" -> "));
const isBuiltIn = (name: string) => name === "bun" || name.startsWith("node:") || builtinModules.includes(name);

test("core knows no plugin and no screen", () =>
  expect(broken(/^src\/core\//, /^src\/(cli|plugins)\/|^clipanion$|^cli-progress$/)).toEqual([]));

test("a plugin imports only the surface, its own files, libraries and what is built in", () => {
  const foreign = arrows.filter(([from, to]) => {
    const own = /^(src\/plugins\/[^/]+\/)/.exec(from)?.[1];
    return own !== undefined && to.startsWith("src/") && !to.startsWith(own) && !isSibling(own, to);
  });
  expect(foreign.map((arrow) => arrow.join(" -> "))).toEqual([]);
});

/** vkcs is openstack with another cloud's rules, s3 is local in a bucket. */
const isSibling = (own: string, to: string): boolean =>
  (own === "src/plugins/vkcs/" && to.startsWith("src/plugins/openstack/")) ||
  (own === "src/plugins/s3/" && to.startsWith("src/plugins/local/"));

test("one file of the program knows the plugins", () => {
  const doors = new Set(
    arrows.filter(([from, to]) => from.startsWith("src/cli/") && to.startsWith("src/plugins/")).map(([from]) => from),
  );
  expect([...doors]).toEqual(["src/cli/plugins.ts"]);
});

test("core and the conformance suite read no attribute of a plugin by its name: the schema and the origins say it", () => {
  const read = /\b(?:want|have|made|attributes|recorded|settings)\["[a-z_]+"\]/;
  const found = [...texts].filter(([file, text]) => /^src\/(core|conformance)\//.test(file) && read.test(text));
  expect(found.map(([file]) => file)).toEqual([]);
});

test("the model stands on the ground", () =>
  expect(broken(/^src\/core\/model\//, /^src\/core\/(?!model\/|failure\.ts)/)).toEqual([]));

test("disk knows no state, no source and no words of theirs", () =>
  expect(broken(/^src\/core\/disk\//, /^src\/core\/(?!disk\/|model\/|net\/clock\.ts|failure\.ts)/)).toEqual([]));

test("the rooms of core/source stand on each other in one order, and each is entered by its face", () => {
  const rooms = ["web", "verify", "cache", "fetch", "open"];
  const room = (file: string) => rooms.findIndex((name) => file.startsWith(`src/core/source/${name}/`));
  const wrong = arrows.filter(([from, to]) => {
    if (room(to) === -1 || room(from) === room(to)) return false;
    return !to.endsWith("/index.ts") || (room(from) !== -1 && room(from) < room(to));
  });
  expect(wrong.map((arrow) => arrow.join(" -> "))).toEqual([]);
});

test("one floor talks to the network", () => {
  expect(broken(/^src\/(?!core\/net\/)/, /^undici/)).toEqual([]);
  expect(broken(/./, /^undici$/)).toEqual([]);
});

test("everything that is imported is a pinned dependency, built in, or ours", async () => {
  const manifest = await Bun.file("package.json").json();
  const pinned = Object.keys(manifest.dependencies);
  const unknown = arrows.filter(
    ([, to]) =>
      !to.startsWith("src/") &&
      !/^(licenses|kit)\//.test(to) &&
      to !== "images" &&
      !isBuiltIn(to) &&
      !to.endsWith("package.json") &&
      !pinned.some((name) => to === name || to.startsWith(`${name}/`)),
  );
  expect(unknown.map((arrow) => arrow.join(" -> "))).toEqual([]);
  const versions = Object.values({ ...manifest.dependencies, ...manifest.devDependencies });
  expect(versions.filter((version) => !/^\d+\.\d+\.\d+$/.test(String(version)))).toEqual([]);
});

test("no circle, not even of types", () => {
  const next = Map.groupBy(arrows, ([from]) => from);
  const done = new Set<string>();
  const walk = (file: string, path: readonly string[]): string[] => {
    if (path.includes(file)) return [[...path.slice(path.indexOf(file)), file].join(" -> ")];
    if (done.has(file)) return [];
    const found = (next.get(file) ?? []).flatMap(([, to]) => walk(to, [...path, file]));
    done.add(file);
    return found;
  };
  expect([...next.keys()].flatMap((file) => walk(file, []))).toEqual([]);
});

test("no file is longer than 250 lines", () => expect([...lengths].filter(([, count]) => count > 250)).toEqual([]));

test("no default exports", () =>
  expect([...texts].filter(([, text]) => /^export default/m.test(text)).map(([file]) => file)).toEqual([]));

test("casts are errors of the linter, in tests too, but where a brand is given or a library's types are wrong", async () => {
  const silenced: string[] = [];
  for await (const file of new Bun.Glob("{src,tests,scripts,bench,docs,kit}/**/*.ts").scan("."))
    if (/biome-ignore lint\/plugin|@ts-(?:ignore|expect-error|nocheck)/.test(await Bun.file(file).text()))
      silenced.push(file);
  expect(silenced.filter((file) => file !== "tests/house.test.ts").sort()).toEqual([
    "src/core/model/digest.ts",
    "src/core/model/name.ts",
    "src/core/model/types.ts",
    "src/core/net/exchange.ts",
    "tests/core/contract.test.ts",
  ]);
  expect((await Bun.file("biome.json").json()).plugins).toEqual(["./scripts/lint/casts.grit"]);
});

test("ARCHITECTURE.md names every floor, and its glossary has at most 40 words, in order", async () => {
  const text = await Bun.file("ARCHITECTURE.md").text();
  const directories = new Set([...texts.keys()].map((file) => dirname(file)));
  const floors = [...directories].filter((one) => /^src\/(core\/[a-z]+|cli(\/[a-z]+)?|conformance)$/.test(one));
  expect(floors.filter((one) => !text.includes(`\`${one}/\``))).toEqual([]);
  const rows = text.slice(text.indexOf("## Glossary")).matchAll(/^\| ([a-z][a-z ]*) \|/gm);
  const [, ...words] = [...rows].map(([, word = ""]) => word);
  expect(words).toEqual(words.toSorted());
  expect(words.length).toBeGreaterThan(20);
  expect(words.length).toBeLessThanOrEqual(40);
});

/** What a page names in code and in links. */
async function namedIn(page: string): Promise<string[]> {
  const text = await Bun.file(page).text();
  const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, block = ""]) => block.trim().split("\n"));
  const words = [...text.matchAll(/`([^`\n]+)`|\]\(([^)]+)\)/g)].map(([, code, link]) => code ?? link ?? "");
  return [...words, ...blocks];
}

for (const page of ["ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"])
  test(`every path and command that ${page} names is there`, async () => {
    const { scripts } = await Bun.file("package.json").json();
    const named = await namedIn(page);
    const tests = named.flatMap((one) => /\bbun test ([a-z/]+)/.exec(one)?.[1] ?? []);
    // `backend/image` is an address; a file by its name alone is somewhere in src.
    const paths = named.filter(
      (one) => /^[\w.*-]+(?:\/[\w.*-]*)*$/.test(one) && /\/|\.(?:ts|md|sh)$/.test(one) && one !== "backend/image",
    );
    const isThere = (path: string): boolean => {
      const places = ["", "src/", "src/core/", ...(path.includes("/") ? [] : ["src/**/"])];
      const pattern = path.replace("NAME", "*").replace(/\/$/, "/**");
      return places.some((place) => !new Bun.Glob(place + pattern).scanSync(".").next().done);
    };
    expect(paths.concat(tests.map((path) => `${path}/`)).filter((path) => !isThere(path))).toEqual([]);
    expect(paths.length).toBeGreaterThan(2);
    const runs = named.flatMap((one) => /\bbun run ([\w:]+)/.exec(one)?.[1] ?? []);
    expect(runs.filter((name) => !Object.hasOwn(scripts, name))).toEqual([]);
  });

const EXPORTED = /^export (?:declare )?(?:abstract )?(?:async )?(type|interface|class|const|function\*?) (\w+)/gm;

test("one type name means one thing in the whole tree", () => {
  const places = new Map<string, string[]>();
  for (const [file, text] of texts)
    for (const [, kind, name = ""] of text.matchAll(EXPORTED))
      if (kind === "type" || kind === "interface" || kind === "class")
        places.set(name, [...(places.get(name) ?? []), file]);
  expect([...places].filter(([, files]) => files.length > 1)).toEqual([]);
});

/** What tests ask besides the program: how many threads hash, and what a text of images.toml says. */
const FOR_TESTS = ["src/core/format/hash-worker.ts: hashThreads", "src/core/config/load.ts: parseConfig"];

test("what is exported is imported, and what the program itself does not use is not kept for tests", async () => {
  const all = new Map(texts);
  for await (const file of new Bun.Glob("{tests,bench,scripts,docs}/**/*.ts").scan("."))
    all.set(file, await Bun.file(file).text());
  const NAMED = /^(?:import|export)\s+(?:type\s+)?\{([^}]*)\}\s+from\s+"(\.[^"]+)"/gm;
  const WHOLE = /\*[^"\n]*from\s+"(\.[^"]+)"|\bimport\("(\.[^"]+)"\)/gm;
  /** By file and name, or `*`: who imports it. */
  const importers = new Map<string, string[]>();
  for (const [file, text] of all) {
    const add = (to: string, name: string) => {
      const key = `${normalize(join(dirname(file), to))}: ${name}`;
      importers.set(key, [...(importers.get(key) ?? []), file]);
    };
    for (const [, names = "", to = ""] of text.matchAll(NAMED))
      for (const [, name = ""] of names.matchAll(/(?:^|,)\s*(?:type\s+)?(\w+)/g)) add(to, name);
    for (const [, a, b] of text.matchAll(WHOLE)) add(a ?? b ?? "", "*");
  }
  const dead = [...texts].flatMap(([file, text]) =>
    [...text.matchAll(EXPORTED)].flatMap(([, , name = ""]) => {
      if (file.endsWith(".d.ts") || file.startsWith("src/cli/commands/")) return [];
      const by = [...(importers.get(`${file}: ${name}`) ?? []), ...(importers.get(`${file}: *`) ?? [])];
      const isUsed =
        by.some((one) => one.startsWith("src/")) || text.match(new RegExp(`\\b${name}\\b`, "g"))?.length !== 1;
      return by.length > 0 && isUsed ? [] : [`${file}: ${name}`];
    }),
  );
  expect(dead.sort()).toEqual(FOR_TESTS.toSorted());
});
