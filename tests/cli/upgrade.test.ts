import { afterAll, beforeAll, expect, test } from "bun:test";
import manifest from "../../package.json" with { type: "json" };
import { compareVersions } from "../../src/cli/commands/upgrade.ts";
import { run, TestDirectory } from "../harness.ts";

let newest = "";
let server: Bun.Server<undefined>;
let url = "";
beforeAll(() => {
  server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) =>
      request.url.endsWith("/latest/VERSION") ? new Response(newest) : new Response("no", { status: 404 }),
  });
  url = `http://127.0.0.1:${server.port}/latest`;
});
afterAll(() => server.stop(true));

const upgrade = async (version: string, ...args: readonly string[]) => {
  await using folder = await TestDirectory.make();
  newest = version;
  return await run(folder, ["upgrade", ...args]);
};

test("a newer release is told, and with --exit-code it is 2; nothing else is done", async () => {
  const newer = await upgrade("99.0.0\n", "--check", "--from", url);
  expect([newer.code, newer.stdout]).toEqual([
    0,
    `images 99.0.0 is published at ${url}; this is ${manifest.version}\n`,
  ]);
  expect((await upgrade("99.0.0\n", "--check", "--from", url, "--exit-code")).code).toBe(2);
  const same = await upgrade(manifest.version, "--check", "--from", url, "--exit-code");
  expect([same.code, same.stdout]).toEqual([0, `images ${manifest.version} is up to date\n`]);
  const json = await upgrade("0.0.1", "--check", "--from", url, "--json");
  expect(JSON.parse(json.stdout)).toEqual({ version: manifest.version, newest: "0.0.1", newer: false, from: url });
});

test("what cannot be compared is an error with the way out", async () => {
  for (const [version, args, code, words] of [
    ["1.0.0", [], 64, "images cannot replace itself"],
    ["1.0.0", ["--check"], 64, "the location of releases is unknown"],
    ["1.0.0", ["--check", "--from", "/dist"], 64, "/dist is not a URL"],
    ["<html>", ["--check", "--from", url], 1, "does not contain a version"],
    ["1.0.0", ["--check", "--from", `${url}/none`], 1, "404"],
  ] as const) {
    const said = await upgrade(version, ...args);
    expect([said.code, said.stderr]).toEqual([code, expect.stringContaining(words)]);
  }
});

test("versions are compared as semantic versions are", () => {
  const order = [
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.2.0",
    "1.10.0",
  ];
  expect([...order].reverse().sort(compareVersions)).toEqual(order);
});
