import { expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { Failure } from "images";
import { backendName } from "../../../src/core/model/name.ts";
import { readProfile } from "../../../src/plugins/linode/profile.ts";
import { accessOf } from "../../../src/plugins/linode/settings.ts";
import { TestDirectory } from "../../harness.ts";
import { Scene, TOKEN, upload } from "./kit.ts";

const CLI = `[DEFAULT]
default-user = alice
; a comment
[alice]
token = alices-token
region = us-east
[bob]
token: "bobs-token"
api_host = 127.0.0.1:4100
api_scheme = http
api_version = v4beta
`;
const GO = `[default]
linode_api_token = default-token
linode_api_version = v4beta
[Cool]
linode_api_token = cool-token
linode_api_url = https://api.example.org
[other]
`;

async function access(
  written: Parameters<typeof accessOf>[0],
  env: Readonly<Record<string, string>> = {},
  files: Readonly<Record<string, string>> = {},
) {
  await using directory = await TestDirectory.make();
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(directory.at(name)), { recursive: true });
    await directory.write(name, text);
  }
  const host = { backend: backendName("lin"), directory: directory.path, env: { HOME: directory.path, ...env } };
  return await accessOf(written, host).catch((thrown: unknown) =>
    thrown instanceof Failure ? `${thrown.code}: ${thrown.message.replaceAll(directory.path, "~")}` : thrown,
  );
}

const v4 = "https://api.linode.com/v4";

test("a file of linode-cli has users, one of the Go client has profiles on top of a default one", () => {
  expect(readProfile(CLI, undefined)).toEqual({ kind: "found", token: "alices-token" });
  const bob = { kind: "found", token: "bobs-token", url: "http://127.0.0.1:4100", version: "v4beta" } as const;
  expect(readProfile(CLI, "bob")).toEqual(bob);
  expect(readProfile(CLI, "carol")).toEqual({ kind: "none", name: "carol", names: ["alice", "bob"] });
  expect(readProfile(GO, undefined)).toEqual({ kind: "found", token: "default-token", version: "v4beta" });
  const cool = { kind: "found", token: "cool-token", url: "https://api.example.org", version: "v4beta" } as const;
  expect(readProfile(GO, "cool")).toEqual(cool);
  expect(readProfile(GO, "other")).toEqual({ kind: "found", token: "default-token", version: "v4beta" });
  expect(readProfile("token = bare\n", undefined)).toEqual({ kind: "found", token: "bare" });
  expect(readProfile("\uFEFF[default]\r\ntoken =  spaced \r\n", undefined)).toEqual({ kind: "found", token: "spaced" });
});

test("settings go before the environment, and that before a file; a file that is named goes before LINODE_TOKEN", async () => {
  const home = { ".config/linode-cli": CLI };
  expect(await access({ token: "own" }, { LINODE_TOKEN: "env" }, home)).toEqual({ url: v4, token: "own" });
  expect(await access({}, { LINODE_TOKEN: "env" }, home)).toEqual({ url: v4, token: "env" });
  expect(await access({}, {}, home)).toEqual({ url: v4, token: "alices-token" });
  expect(await access({ profile: "bob" }, { LINODE_TOKEN: "env" }, home)).toEqual({
    url: "http://127.0.0.1:4100/v4beta",
    token: "bobs-token",
  });
  expect(await access({}, { LINODE_PROFILE: "bob", LINODE_CONFIG: "~/mine" }, { mine: CLI })).toMatchObject({
    token: "bobs-token",
  });
  expect(
    await access({ config: "mine", profile: "cool", url: "http://own", api_version: "v4" }, {}, { mine: GO }),
  ).toEqual({
    url: "http://own/v4",
    token: "cool-token",
  });
  expect(await access({}, {}, { ...home, ".config/linode": GO })).toMatchObject({ token: "default-token" });
});

test("URLs come with and without scheme and version", async () => {
  const url = async (text: string, version?: string) => {
    const env = {
      LINODE_TOKEN: "t",
      LINODE_URL: text,
      ...(version === undefined ? {} : { LINODE_API_VERSION: version }),
    };
    return await access({}, env);
  };
  expect(await url("api.linode.com/")).toEqual({ url: v4, token: "t" });
  expect(await url("https://api.linode.com/v4beta/")).toEqual({ url: `${v4}beta`, token: "t" });
  expect(await url("https://api.linode.com/v4", "v4beta")).toEqual({ url: `${v4}beta`, token: "t" });
  expect(await url("https://api.linode.com", "v5")).toBe('config.value: unknown Linode API version "v5"');
});

test("what is missing is told", async () => {
  expect(await access({})).toBe("config.secret: there is no token for lin");
  expect(await access({ config: "mine" })).toBe("config.value: the configuration file ~/mine cannot be read");
  expect(await access({ config: "mine", profile: "carol" }, {}, { mine: CLI })).toBe(
    'config.value: ~/mine has no profile "carol" with a token',
  );
  expect(await access({ config: "mine" }, {}, { mine: "[default]\n" })).toContain("has no profile");
});

test("the program finds them: LINODE_* of the environment, a profile with v4beta, and hides the token of a file", async () => {
  await using scene = await Scene.open();
  await scene.directory.write("mine", `[cool]\nlinode_api_token = ${TOKEN}\nlinode_api_url = ${scene.emulator.url}\n`);
  await scene.directory.write("disk.img.gz", "x");
  const settings = 'config = "mine"\nprofile = "cool"\napi_version = "v4beta"';
  await scene.directory.write("images.toml", `[backend.lin]\nplugin = "linode"\n${settings}\n${upload()}`);
  const listed = await scene.ok("info", "lin", "--json");
  expect(scene.emulator.log.entries.map(({ path }) => path)).toEqual(["/v4beta/images"]);
  expect(listed.stdout + listed.stderr).not.toContain(TOKEN);
  await scene.directory.write("images.toml", `[backend.lin]\nplugin = "linode"\n${upload()}`);
  const { run } = await import("../../harness.ts");
  const env = { LINODE_TOKEN: TOKEN, LINODE_URL: scene.emulator.url, LINODE_API_VERSION: "v4beta" };
  expect((await run(scene.directory, ["info", "lin"], { env })).code).toBe(0);
  expect(scene.emulator.log.entries.map(({ path }) => path)).toEqual(["/v4beta/images", "/v4beta/images"]);
}, 300_000);
