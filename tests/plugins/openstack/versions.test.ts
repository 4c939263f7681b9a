import { expect, setDefaultTimeout, test } from "bun:test";
import { declared, staged } from "./stage.ts";

// The names of the versions that `retain` keeps.

setDefaultTimeout(300_000);

const block = (version: string, retain: string) => declared("a", `${version}\nretain = { last = 2${retain} }`);

async function kept(version: string, retain: string) {
  await using stage = await staged(block(version, retain));
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  await stage.directory.write("disk.img", "other\n".repeat(1000));
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  expect((await stage.images("plan", "--detailed-exitcode")).code).toBe(0);
  return [...stage.glance.images.values()].map(({ name }) => String(name)).sort();
}

const version = (text: string) => `properties = { internal_version = "${text}" }`;

test("a kept version has its publisher's version in its name", async () => {
  expect(await kept(version("20260821"), ', name = "{name} ({version})"')).toEqual(["a", "a (20260821)"]);
  expect(await kept(version("0.6.3"), ', name = "old-{name}-{version}"')).toEqual(["a", "old-a-0.6.3"]);
});

test("one without a version has the time of its replacement", async () => {
  for (const [text, retain] of [
    ["", ', name = "{name}/{version}"'],
    [version("latest"), ', name = "{name}/{version}"'],
  ] as const)
    expect(await kept(text, retain)).toEqual(["a", expect.stringMatching(/^a\/\d{8}T\d{6}Z$/)]);
  expect(await kept(version("1"), "")).toEqual(["a", expect.stringMatching(/^a \(\d{8}T\d{6}Z\)$/)]);
});

test("a name without a version, or with another word in braces, is refused", async () => {
  for (const [name, words] of [
    ["{name}", "name needs {version}"],
    ["{name} {date}", "a text with {version}"],
  ] as const) {
    await using stage = await staged(block("", `, name = "${name}"`));
    const said = await stage.images("validate");
    expect([said.code, said.stderr.includes(words)]).toEqual([1, true]);
  }
});
