import { expect, test } from "bun:test";
import { config, told } from "./told.ts";

const BACKENDS = ["a", "b", "c"].map((name) => `[backend.${name}]\nplugin = "store"\npath = "${name}"\n`).join("");
const on = (backends: string, more = "") => `${BACKENDS}[image.i]\nbackends = [${backends}]\nsource = "x.img"\n${more}`;

test.each([
  "",
  "protect = true\ntimeout = '5m'",
  "[image.i.on.c]\nsource = 'y.img'",
  "[image.i.on.c]\nprotect = true",
  "[[import]]\nto = 'c/i'\nid = 'x'",
])("an image on many backends is on each what it is on that one alone: %j", async (more) => {
  const { resources } = (await config(on('"a", "b", "c"', more))).config;
  expect(resources.map(({ address }) => String(address))).toEqual(["a/i", "b/i", "c/i"]);
  for (const one of resources) {
    const list = `"${one.backend}"`;
    const rest = one.backend === "c" ? more : more.startsWith("[") ? "" : more;
    expect([one]).toEqual([...(await config(on(list, rest))).config.resources]);
  }
});

test("what is wrong with it is told once, where it stands", async () => {
  const wrong = await told(on('"a", "b", "c"', "pth = 1"));
  expect(wrong).toHaveLength(1);
  expect(await told(on('"a", "b", "c"').replace('source = "x.img"\n', ""))).toHaveLength(1);
});
