import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { Failure } from "images";
import { backendName } from "../../../src/core/model/name.ts";
import { accessOf } from "../../../src/plugins/outscale/settings.ts";
import { startOutscale } from "../../emulators/outscale/start.ts";
import { run, TestDirectory } from "../../harness.ts";
import { KEY, Scene } from "./kit.ts";

setDefaultTimeout(300_000);

const FILE = JSON.stringify({
  default: { access_key: "AKD", secret_key: "SKD", region: "us-east-2" },
  work: {
    access_key: "AKW",
    secret_key: "SKW",
    region: "cloudgouv-eu-west-1",
    endpoints: { api: "api.example.org", oos: "oos.example.org" },
  },
  person: { login: "me@example.org", password: "PWP" },
  half: { access_key: "AKH" },
});
const HOME = { ".osc/config.json": FILE };

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
  const hidden: string[] = [];
  const host = {
    backend: backendName("osc"),
    directory: directory.path,
    env: { HOME: directory.path, ...env },
    maskSecret: (text: string) => void hidden.push(text),
  };
  try {
    return { ...(await accessOf(written, host)), hidden };
  } catch (thrown) {
    if (thrown instanceof Failure) return `${thrown.code}: ${thrown.message.replaceAll(directory.path, "~")}`;
    throw thrown;
  }
}

const keys = (accessKey: string, secretKey: string) => ({
  credentials: { kind: "keys", keys: { accessKey, secretKey } },
  hidden: [secretKey],
});
const ENV = { OSC_ACCESS_KEY: "AKE", OSC_SECRET_KEY: "SKE" };

test("settings go before the environment, and that before the default profile; the default Region is eu-west-2", async () => {
  expect(await access({ access_key: "AKO", secret_key: "SKO" }, ENV, HOME)).toMatchObject(keys("AKO", "SKO"));
  expect(await access({ access_key: "env:MINE", secret_key: "SKO" }, { ...ENV, MINE: "AKM" })).toMatchObject(
    keys("AKM", "SKO"),
  );
  expect(await access({}, ENV, HOME)).toMatchObject({ ...keys("AKE", "SKE"), region: "us-east-2" });
  expect(await access({}, { ...ENV, OSC_REGION: "us-west-1" }, HOME)).toMatchObject({
    url: "https://api.us-west-1.outscale.com/api/v1",
    region: "us-west-1",
  });
  expect(await access({}, {}, HOME)).toMatchObject({
    ...keys("AKD", "SKD"),
    url: "https://api.us-east-2.outscale.com/api/v1",
  });
  expect(await access({}, ENV)).toMatchObject({
    region: "eu-west-2",
    url: "https://api.eu-west-2.outscale.com/api/v1",
  });
});

test("a profile that is named goes before OSC_ACCESS_KEY, with its Region and endpoints", async () => {
  const work = {
    ...keys("AKW", "SKW"),
    region: "cloudgouv-eu-west-1",
    url: "https://api.example.org/api/v1",
    bucket: { name: "b", endpoint: "https://oos.example.org", region: "cloudgouv-eu-west-1" },
  };
  expect(await access({ profile: "work", bucket: "b" }, ENV, HOME)).toMatchObject(work);
  expect(await access({ bucket: "b" }, { OSC_PROFILE: "work" }, HOME)).toMatchObject(work);
  expect(await access({ config: "mine.json", profile: "work" }, ENV, { "mine.json": FILE })).toMatchObject(
    keys("AKW", "SKW"),
  );
  const env = { OSC_CONFIG_FILE: "~/mine.json", OSC_PROFILE: "work" };
  expect(await access({}, env, { "mine.json": FILE })).toMatchObject(keys("AKW", "SKW"));
});

test("keys are never halves of two places", async () => {
  expect(await access({ profile: "half" }, { OSC_SECRET_KEY: "SKE" }, HOME)).toBe(
    "config.secret: there are no credentials for osc",
  );
  expect(await access({}, { OSC_ACCESS_KEY: "AKE" }, HOME)).toMatchObject(keys("AKD", "SKD"));
});

test("a login and a password, from the settings, the environment or a profile", async () => {
  const person = (login: string, password: string) => ({
    credentials: { kind: "password", login, password },
    hidden: [password],
  });
  expect(await access({ login: "a@b.c", password: "PWO" }, ENV)).toMatchObject(person("a@b.c", "PWO"));
  expect(await access({}, { OSC_LOGIN: "e@b.c", OSC_PASSWORD: "PWE" })).toMatchObject(person("e@b.c", "PWE"));
  expect(
    await access({}, { ...ENV, OSC_AUTH_METHOD: "password", OSC_LOGIN: "e@b.c", OSC_PASSWORD: "PWE" }),
  ).toMatchObject(person("e@b.c", "PWE"));
  expect(await access({ profile: "person" }, {}, HOME)).toMatchObject(person("me@example.org", "PWP"));
  expect(await access({ profile: "person", bucket: "b" }, {}, HOME)).toStartWith(
    "config.secret: the object store requires access keys",
  );
});

test("endpoints come with and without scheme and path", async () => {
  const url = async (endpoint: string) => {
    const found = await access({}, { ...ENV, OSC_ENDPOINT_API: endpoint });
    return typeof found === "string" ? found : found.url;
  };
  expect(await url("api.example.org")).toBe("https://api.example.org/api/v1");
  expect(await url("http://127.0.0.1:4200/")).toBe("http://127.0.0.1:4200/api/v1");
  expect(await url("https://api.example.org/api/latest")).toBe("https://api.example.org/api/latest");
  const store = { ...ENV, OSC_ENDPOINT_OOS: "http://127.0.0.1:4300/" };
  expect(await access({ bucket: "b" }, store)).toMatchObject({ bucket: { endpoint: "http://127.0.0.1:4300" } });
  expect(await access({ bucket: "b", bucket_region: "us-west-1" }, ENV)).toMatchObject({
    bucket: { endpoint: "https://oos.us-west-1.outscale.com", region: "us-west-1" },
  });
});

test("what is missing or broken is told, without a piece of the file", async () => {
  expect(await access({})).toBe("config.secret: there are no credentials for osc");
  expect(await access({ access_key: "env:NOT_SET", secret_key: "S" })).toContain("the variable NOT_SET is not set");
  expect(await access({ profile: "work" })).toBe(
    "config.value: the configuration file ~/.osc/config.json cannot be read",
  );
  expect(await access({ profile: "play" }, {}, HOME)).toBe('config.value: ~/.osc/config.json has no profile "play"');
  const broken = await access({}, {}, { ".osc/config.json": '{"default": {"secret_key": "SKBROKEN", }' });
  expect(broken).toBe("config.value: ~/.osc/config.json is not a JSON table of profiles");
  expect(await access({ client_cert: "none.pem" }, ENV)).toBe(
    "config.value: the client certificate none.pem cannot be read",
  );
});

test("the program signs in by OSC_*, by a profile and with a password; no secret is told", async () => {
  await using play = await Scene.open();
  const { url, log, accounts } = play.emulator;
  const { email, password } = accounts[0];
  const profile = { access_key: KEY.accessKey, secret_key: KEY.secretKey, endpoints: { api: `${url}/api/v1` } };
  const endpoint = { OSC_ENDPOINT_API: `${url}/api/v1` };
  await mkdir(play.directory.at(".osc"));
  const ways: readonly [string, Readonly<Record<string, string>>, string][] = [
    ["", { ...endpoint, OSC_ACCESS_KEY: KEY.accessKey, OSC_SECRET_KEY: KEY.secretKey }, "OSC4-HMAC-SHA256"],
    ['profile = "cool"', {}, "OSC4-HMAC-SHA256"],
    [`login = "${email}"\npassword = "env:PW"`, { ...endpoint, PW: password }, "Basic"],
  ];
  await play.directory.write(".osc/config.json", JSON.stringify({ cool: profile }));
  for (const [settings, env, scheme] of ways) {
    log.clear();
    await play.directory.write("images.toml", `[backend.osc]\nplugin = "outscale"\n${settings}\n`);
    const said = await run(play.directory, ["info", "osc", "--json"], { env });
    expect([said.code, said.stderr]).toEqual([0, ""]);
    expect(JSON.parse(said.stdout).length).toBeGreaterThan(3);
    expect(said.stdout).not.toContain(KEY.secretKey);
    for (const { headers, status } of log.entries) {
      expect(status).toBe(200);
      expect(headers["authorization"]).toStartWith(scheme);
    }
    expect(log.count()).toBeGreaterThan(0);
  }
  await play.directory.write("images.toml", '[backend.osc]\nplugin = "outscale"\n');
  const wrong = { ...endpoint, OSC_LOGIN: email, OSC_PASSWORD: "sentinel-wrong" };
  const said = await run(play.directory, ["info", "osc"], { env: wrong });
  expect([said.code, said.stderr.includes("sentinel-wrong")]).toEqual([1, false]);
  expect(said.stderr).toContain("backend.auth");
  expect(said.stderr).toContain("OSC_PASSWORD");
});

test("a client certificate is shown to an API that asks for one, besides the signature", async () => {
  const fixture = (name: string) => new URL(`../../fixtures/tls/${name}`, import.meta.url).pathname;
  const text = (name: string) => Bun.file(fixture(name)).text();
  const tls = { cert: await text("server.crt"), key: await text("server.key"), ca: await text("ca.crt") };
  await using emulator = await startOutscale({ ...KEY, tls });
  await using directory = await TestDirectory.make({
    "images.toml": `[backend.osc]\nplugin = "outscale"\nendpoint = "${emulator.url}/api/v1"\n`,
  });
  await using settled = await TestDirectory.make({
    "images.toml": `[backend.osc]\nplugin = "outscale"\nendpoint = "${emulator.url}/api/v1"\nclient_cert = "${fixture("client.crt")}"\nclient_key = "${fixture("client.key")}"\n`,
  });
  const env = { OSC_ACCESS_KEY: KEY.accessKey, OSC_SECRET_KEY: KEY.secretKey, SSL_CERT_FILE: fixture("ca.crt") };
  const shown = { OSC_X509_CLIENT_CERT: fixture("client.crt"), OSC_X509_CLIENT_KEY: fixture("client.key") };
  const info = async (where: TestDirectory, more = {}) =>
    (await run(where, ["info", "osc"], { env: { ...env, ...more } })).code;
  expect(await info(settled)).toBe(0);
  expect(await info(directory, shown)).toBe(0);
  expect(await info(directory)).toBe(1);
});

test("a host without a scheme is spoken to as OSC_PROTOCOL or the profile says; the old names of the environment are named", async () => {
  await using play = await Scene.open();
  const host = new URL(play.emulator.url).host;
  const keys = { OSC_ACCESS_KEY: KEY.accessKey, OSC_SECRET_KEY: KEY.secretKey };
  await play.directory.write("images.toml", '[backend.osc]\nplugin = "outscale"\n');
  const info = (env: Readonly<Record<string, string>>) => run(play.directory, ["info", "osc"], { env });
  const endpoint = { OSC_ENDPOINT_API: `${host}/api/v1` };
  expect((await info({ ...keys, ...endpoint, OSC_PROTOCOL: "http" })).code).toBe(0);
  const odd = await info({ ...keys, ...endpoint, OSC_PROTOCOL: "gopher" });
  expect([odd.code, odd.stderr.includes('"gopher" is not a protocol')]).toEqual([1, true]);
  await mkdir(play.directory.at(".osc"));
  const profile = { access_key: KEY.accessKey, secret_key: KEY.secretKey, protocol: "http", endpoints: { api: host } };
  await play.directory.write(".osc/config.json", JSON.stringify({ default: profile }));
  expect((await info({})).code).toBe(0);
  await play.directory.write(".osc/config.json", "{}");
  const old = await info({ OUTSCALE_ACCESSKEYID: KEY.accessKey, OUTSCALE_SECRETKEYID: KEY.secretKey });
  expect(old.code).toBe(1);
  expect(old.stderr.replace(/\s+/g, " ")).toContain("OSC_ACCESS_KEY for OUTSCALE_ACCESSKEYID");
});
