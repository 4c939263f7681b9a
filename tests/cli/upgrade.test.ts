import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { rm } from "node:fs/promises";
import manifest from "../../package.json" with { type: "json" };
import { compareVersions } from "../../src/cli/commands/upgrade.ts";
import { run, TestDirectory } from "../harness.ts";
import { Signer, sumOf } from "../installing.ts";

setDefaultTimeout(300_000);

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
  await using directory = await TestDirectory.make();
  newest = version;
  return await run(directory, ["upgrade", ...args], { env: { IMAGES_ALLOW_HTTP: "yes" } });
};

test("a newer release is told, and with --exit-code it is 2; nothing else is done", async () => {
  const newer = await upgrade("99.0.0\n", "--check", "--from", url);
  expect([newer.code, newer.stdout]).toEqual([
    0,
    `images 99.0.0 is published at ${url}; this is ${manifest.version}\n`,
  ]);
  expect((await upgrade("99.0.0\n", "--check", "--from", url, "--exit-code")).code).toBe(2);
  const same = await upgrade(`${manifest.version}+build.7`, "--check", "--from", `${url}/`, "--exit-code");
  expect([same.code, same.stdout]).toEqual([0, `images ${manifest.version} is up to date\n`]);
  const json = await upgrade("0.0.1", "--check", "--from", url, "--json");
  expect(JSON.parse(json.stdout)).toEqual({
    version: manifest.version,
    newest: "0.0.1",
    newer: false,
    from: url,
    verified: false,
  });
  const rc = await upgrade(`${manifest.version}-rc.1`, "--check", "--from", url, "--exit-code");
  expect([rc.code, rc.stdout]).toEqual([0, `images ${manifest.version} is up to date\n`]);
});

test("what cannot be compared is an error with the way out", async () => {
  for (const [version, args, code, words] of [
    ["1.0.0", [], 64, "images cannot replace itself"],
    ["1.0.0", ["--check"], 64, "the location of releases is unknown"],
    ["1.0.0", ["--check", "--from", "ftp://x.example"], 64, "neither an https URL nor a directory"],
    ["1.0.0", ["--check", "--from", "/no/such"], 1, "cannot read /no/such/VERSION"],
    ["<html>", ["--check", "--from", url], 1, "does not contain a version"],
    ["1.0.0-..", ["--check", "--from", url], 1, "does not contain a version"],
    ["1.0.0", ["--check", "--from", `${url}/none`], 1, "404"],
    ["1.0.0", ["--check", "--from", "https://127.0.0.1:1/latest"], 1, "127.0.0.1:1"],
  ] as const) {
    const said = await upgrade(version, ...args);
    expect([said.code, said.stderr]).toEqual([code, expect.stringContaining(words)]);
    expect(said.stdout).toBe("");
  }
});

test("http is refused unless allowed", async () => {
  await using directory = await TestDirectory.make();
  newest = "99.0.0";
  const refused = await run(directory, ["upgrade", "--check", "--from", url, "--exit-code"]);
  expect([refused.code, refused.stdout, refused.stderr]).toEqual([1, "", expect.stringContaining("--allow-http")]);
  expect((await run(directory, ["upgrade", "--check", "--from", url, "--allow-http"])).stdout).toContain("99.0.0");
});

describe("with a key, the signature counts", () => {
  const signer = new Signer();
  const released = async (version: string, sums = `${sumOf(version)}  VERSION\n`) => {
    const directory = await TestDirectory.make({
      VERSION: version,
      SHA256SUMS: sums,
      "SHA256SUMS.minisig": signer.sign(sums),
    });
    return directory;
  };
  const check = async (directory: TestDirectory, key = signer.key, env: Readonly<Record<string, string>> = {}) =>
    await run(
      directory,
      ["upgrade", "--check", "--json", "--from", directory.path, ...(key === "" ? [] : ["--key", key])],
      {
        env,
      },
    );

  test("a release in a directory is verified", async () => {
    await using directory = await released("99.0.0\n");
    expect(JSON.parse((await check(directory)).stdout)).toMatchObject({
      newest: "99.0.0",
      newer: true,
      verified: true,
    });
    const byEnv = await check(directory, "", { IMAGES_KEY: signer.key });
    expect(JSON.parse(byEnv.stdout)).toMatchObject({ verified: true });
  });

  test("another key, changed sums, a changed version and a missing signature are errors", async () => {
    await using directory = await released("99.0.0\n");
    const refused = async (words: string, key?: string) => {
      const said = await check(directory, key);
      expect([said.code, said.stdout, said.stderr]).toEqual([1, "", expect.stringContaining(words)]);
    };
    await refused("is not signed by", new Signer().key);
    await directory.write("VERSION", "98.0.0\n");
    await refused("checksum mismatch");
    await directory.write("SHA256SUMS", `${sumOf("98.0.0\n")}  VERSION\n`);
    await refused("is not signed by");
    await rm(directory.at("SHA256SUMS.minisig"));
    await refused("SHA256SUMS.minisig");
  });
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
