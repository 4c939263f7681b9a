import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { run, TestDirectory } from "../../harness.ts";
import { Cloud, info } from "./keystone.ts";

setDefaultTimeout(300_000);

const password = { identity: { methods: ["password"] } };

test("user and project by name, domains by default", async () => {
  await using cloud = new Cloud();
  const said = await info(
    { auth_url: cloud.url, username: "ann", password: "env:PW", project_name: "blue" },
    { PW: "pw-secret" },
  );
  expect(said.stderr).toBe("");
  expect(said.stdout.trim()).toBe("[]");
  expect(cloud.logins[0]?.path).toBe("/v3/auth/tokens");
  expect(cloud.auth).toEqual({
    identity: {
      methods: ["password"],
      password: { user: { name: "ann", domain: { id: "default" }, password: "pw-secret" } },
    },
    scope: { project: { name: "blue", domain: { id: "default" } } },
  });
  expect(cloud.heard.at(-1)?.path).toBe("/public-One/v2/images");
  expect(cloud.heard.at(-1)?.headers.get("x-auth-token")).toBe("token-1-secret");
});

test("OS_* alone is enough; ids, region, interface and a URL with /v3/", async () => {
  await using cloud = new Cloud();
  const said = await info(
    {},
    {
      OS_AUTH_URL: `${cloud.url}/identity/v3/`,
      OS_USER_ID: "u1",
      OS_PASSWORD: "pw",
      OS_PROJECT_ID: "p1",
      OS_REGION_NAME: "Two",
      OS_INTERFACE: "internal",
    },
  );
  expect(said.code).toBe(0);
  expect(cloud.logins[0]?.path).toBe("/identity/v3/auth/tokens");
  expect(cloud.auth).toMatchObject({
    ...password,
    scope: { project: { id: "p1" } },
  });
  expect(cloud.heard.at(-1)?.path).toBe("/internal-Two/v2/images");
});

test("a project by id in the file takes the place of one by name in the environment", async () => {
  await using cloud = new Cloud();
  const env = { OS_PROJECT_NAME: "other", OS_USERNAME: "ann", OS_PASSWORD: "pw", OS_USER_DOMAIN_NAME: "corp" };
  await info({ auth_url: cloud.url, project_id: "p9" }, env);
  expect(cloud.auth).toMatchObject({
    identity: { password: { user: { name: "ann", domain: { name: "corp" } } } },
    scope: { project: { id: "p9" } },
  });
});

test("an application credential is sent without a scope", async () => {
  await using cloud = new Cloud();
  const env = { OS_APPLICATION_CREDENTIAL_SECRET: "acs", OS_PROJECT_NAME: "blue" };
  await info({ auth_url: cloud.url, application_credential_id: "ac1" }, env);
  expect(cloud.auth).toEqual({
    identity: { methods: ["application_credential"], application_credential: { id: "ac1", secret: "acs" } },
  });
  await info({ auth_url: cloud.url, application_credential_name: "ci", username: "ann" }, env);
  expect(cloud.auth).toEqual({
    identity: {
      methods: ["application_credential"],
      application_credential: { name: "ci", user: { name: "ann", domain: { id: "default" } }, secret: "acs" },
    },
  });
});

test("a token is used with its own scope, or changed for one of another", async () => {
  await using cloud = new Cloud();
  await info({ auth_url: cloud.url, auth_token: "env:T" }, { T: "given-token" });
  expect(cloud.logins).toEqual([]);
  expect(cloud.heard.at(-1)?.headers.get("x-auth-token")).toBe("given-token");
  await info({ auth_url: cloud.url, token: "env:T", project_name: "blue" }, { T: "given-token" });
  expect(cloud.auth).toMatchObject({ identity: { methods: ["token"], token: { id: "given-token" } } });
});

test("admin_token and none need nothing but the endpoint", async () => {
  await using cloud = new Cloud();
  const said = await info(
    { auth_type: "admin_token", auth_token: "env:T", endpoint: `${cloud.url}/img/v2` },
    { T: "adm" },
  );
  expect(said.code).toBe(0);
  expect(cloud.heard.map(({ path, headers }) => [path, headers.get("x-auth-token")])).toEqual([
    ["/img/v2/images", "adm"],
    ["/img/v2/images", "adm"],
  ]);
  expect((await info({ auth_type: "none", endpoint: cloud.url })).code).toBe(0);
  expect((await info({ auth_type: "none" })).stderr).toContain("the location of x is unknown");
});

test("clouds.yaml with secure.yaml; OS_CLOUD; dashes; the password from the environment", async () => {
  await using cloud = new Cloud();
  const files = {
    "clouds.yaml": `clouds:
  one:
    region-name: Two
    interface: internal
    auth: {auth_url: '${cloud.url}', username: ann, project_name: blue, user_domain_name: corp, project_domain_id: d1}
  two:
    auth_type: v3applicationcredential
    auth: {auth_url: '${cloud.url}', application_credential_id: ac}
`,
    "secure.yaml": "clouds: {one: {auth: {password: from-secure}}, two: {auth: {application_credential_secret: s2}}}\n",
  };
  expect((await info({ cloud: "one" }, { OS_USERNAME: "nobody", OS_PROJECT_ID: "p8" }, files)).code).toBe(0);
  expect(cloud.auth).toEqual({
    identity: {
      methods: ["password"],
      password: { user: { name: "ann", domain: { name: "corp" }, password: "from-secure" } },
    },
    scope: { project: { name: "blue", domain: { id: "d1" } } },
  });
  expect(cloud.heard.at(-1)?.path).toBe("/internal-Two/v2/images");
  await info({}, { OS_CLOUD: "two" }, files);
  expect(cloud.auth).toMatchObject({ identity: { application_credential: { id: "ac", secret: "s2" } } });
  await info({ cloud: "one", region: "One" }, { OS_PASSWORD: "from-env" }, { "clouds.yaml": files["clouds.yaml"] });
  expect(cloud.auth).toMatchObject({ identity: { password: { user: { password: "from-env" } } } });
  expect(cloud.heard.at(-1)?.path).toBe("/internal-One/v2/images");
});

test("clouds.yaml and secure.yaml are looked for where openstack looks, each by itself", async () => {
  await using cloud = new Cloud();
  const clouds = (user: string) =>
    `clouds: {c: {auth: {auth_url: '${cloud.url}', username: ${user}, project_id: p1}}}\n`;
  await using directory = await TestDirectory.make({
    "images.toml": '[backend.x]\nplugin = "openstack"\ncloud = "c"\n',
  });
  const write = async (path: string, text: string) => {
    await mkdir(dirname(directory.at(path)), { recursive: true });
    await directory.write(path, text);
  };
  const user = async (env: Readonly<Record<string, string>> = {}) => {
    const said = await run(directory, ["info", "x"], { env });
    expect(said.stderr).toBe("");
    const auth: { identity: { password: { user: { name: string; password: string } } } } = JSON.parse(
      cloud.logins.at(-1)?.body ?? "",
    ).auth;
    const { name, password: secret } = auth.identity.password.user;
    return `${name} ${secret}`;
  };
  await write(".config/openstack/clouds.yml", clouds("home"));
  await write(".config/openstack/secure.yaml", "clouds: {c: {auth: {password: pw-home}}}\n");
  expect(await user()).toBe("home pw-home");
  await write("xdg/openstack/clouds.yaml", clouds("xdg"));
  await write("xdg/openstack/secure.yaml", "clouds: {c: {auth: {password: pw-xdg}}}\n");
  const xdg = { XDG_CONFIG_HOME: directory.at("xdg") };
  expect(await user(xdg)).toBe("xdg pw-xdg");
  await write("clouds.yaml", clouds("here"));
  expect(await user(xdg)).toBe("here pw-xdg");
  await write(
    "named.json",
    JSON.stringify({ clouds: { c: { auth: { auth_url: cloud.url, username: "named", project_id: "p1" } } } }),
  );
  await write("safe.yaml", "clouds: {c: {auth: {password: pw-safe}}}\n");
  const named = { ...xdg, OS_CLIENT_CONFIG_FILE: "named.json", OS_CLIENT_SECURE_FILE: directory.at("safe.yaml") };
  expect(await user(named)).toBe("named pw-safe");
});

test("an authority and a client certificate of the cloud's own", async () => {
  const tls = join(import.meta.dir, "../../fixtures/tls");
  const pem = (name: string) => Bun.file(join(tls, name)).text();
  await using cloud = new Cloud({
    cert: await pem("server.crt"),
    key: await pem("server.key"),
    ca: await pem("ca.crt"),
    requestCert: true,
    rejectUnauthorized: true,
  });
  const auth = `auth: {auth_url: '${cloud.url}', username: ann, password: pw, project_id: p1}`;
  const with_ = (more: string) => ({ "clouds.yaml": `clouds: {c: {${auth}${more}}}\n` });
  const all = await info(
    { cloud: "c" },
    {},
    with_(`, cacert: ${tls}/ca.crt, cert: ${tls}/client.crt, key: ${tls}/client.key`),
  );
  expect([all.stderr, all.stdout.trim()]).toEqual(["", "[]"]);
  const own = { cacert: `${tls}/ca.crt`, cert: `${tls}/client.crt`, key: `${tls}/client.key` };
  expect((await info({ cloud: "c", ...own }, {}, with_(""))).code).toBe(0);
  const env = { OS_CACERT: own.cacert, OS_CERT: own.cert, OS_KEY: own.key };
  expect((await info({ cloud: "c" }, env, with_(""))).code).toBe(0);
  const before = cloud.heard.length;
  const stranger = await info({ cloud: "c", cert: own.cert, key: own.key }, {}, with_(""));
  expect(stranger.stderr).toContain("cacert");
  const nobody = await info({ cloud: "c", cacert: own.cacert }, {}, with_(""));
  expect(nobody.code).toBe(1);
  expect(cloud.heard.length).toBe(before);
  const lost = await info({ cloud: "c", cacert: "./no.pem" }, {}, with_(""));
  expect(lost.stderr).toContain("cannot be read");
});

test("OS_INSECURE counts for a named cloud too; what the settings or the cloud say wins", async () => {
  const pem = (name: string) => Bun.file(join(import.meta.dir, "../../fixtures/tls", name)).text();
  await using cloud = new Cloud({ cert: await pem("server.crt"), key: await pem("server.key") });
  const files = (more: string) => ({
    "clouds.yaml": `clouds: {c: {auth: {auth_url: '${cloud.url}', username: ann, password: pw, project_id: p1}${more}}}\n`,
  });
  const code = async (settings: Readonly<Record<string, string | boolean>>, env: Record<string, string>, more = "") =>
    (await info({ cloud: "c", ...settings }, env, files(more))).code;
  expect(await code({}, {})).toBe(1);
  expect(await code({}, { OS_INSECURE: "true" })).toBe(0);
  expect(await code({}, { OS_INSECURE: "true" }, ", verify: true")).toBe(1);
  expect(await code({ insecure: false }, {}, ", verify: false")).toBe(1);
  expect(await code({}, {}, ", insecure: yes")).toBe(0);
});

test("a domain, the whole system or a trust in the place of a project", async () => {
  await using cloud = new Cloud();
  const settings = { auth_url: cloud.url, username: "ann", password: "env:PW" };
  await info({ ...settings, domain_name: "corp" }, { PW: "pw" });
  expect(cloud.auth).toMatchObject({ scope: { domain: { name: "corp" } } });
  await info({ ...settings, system_scope: "all" }, { PW: "pw" });
  expect(cloud.auth).toMatchObject({ scope: { system: { all: true } } });
  await info({ ...settings, trust_id: "t1" }, { PW: "pw" });
  expect(cloud.auth).toMatchObject({ scope: { "OS-TRUST:trust": { id: "t1" } } });
});

test("a profile of clouds-public.yaml, and the only cloud without a name", async () => {
  await using cloud = new Cloud();
  const files = {
    "clouds.yaml":
      "clouds: {only: {profile: vendor, regions: [{name: Two}], auth: {username: ann, password: pw, project_id: p1}}}\n",
    "clouds-public.yaml": `public-clouds: {vendor: {auth: {auth_url: '${cloud.url}'}}}\n`,
  };
  expect((await info({}, {}, files)).code).toBe(0);
  expect(cloud.heard.at(-1)?.path).toBe("/public-Two/v2/images");
});

test("what is wrong with clouds.yaml is told without its secrets", async () => {
  const files = { "clouds.yaml": "clouds:\n  one: {auth: {password: 'hunter2-sentinel}}\n" };
  const broken = await info({ cloud: "one" }, {}, files);
  expect(broken.code).toBe(1);
  expect(broken.stderr).toContain("clouds.yaml is not YAML");
  expect(broken.stderr).not.toContain("hunter2");
  const missing = await info({ cloud: "on" }, {}, { "clouds.yaml": "clouds: {one: {}}\n" });
  expect(missing.stderr).toContain('there is no cloud "on"');
  expect(missing.stderr).toContain("there is: one");
  const nofile = await info({}, { OS_CLIENT_CONFIG_FILE: "/nowhere/clouds.yaml" });
  expect(nofile.stderr).toContain("check OS_CLIENT_CONFIG_FILE");
});

test("no project: the user's are named", async () => {
  await using cloud = new Cloud();
  cloud.scoped = false;
  const said = await info({ auth_url: cloud.url, username: "ann", password: "env:PW" }, { PW: "pw" });
  expect(said.code).toBe(1);
  expect(said.stderr).toContain("the project of the images is unknown");
  expect(said.stderr).toContain("blue, green");
});

test("a wrong region is told with the right ones", async () => {
  await using cloud = new Cloud();
  const settings = { auth_url: cloud.url, username: "ann", password: "env:PW", project_id: "p1" };
  const said = await info({ ...settings, region: "Three" }, { PW: "pw" });
  expect(said.stderr).toContain('no image service in the region "Three"');
  expect(said.stderr).toContain("One, Two");
});

test("refusals of Keystone are told in its words, once", async () => {
  await using cloud = new Cloud();
  cloud.refusal = { status: 401, message: "The request you have made requires authentication." };
  const settings = { auth_url: cloud.url, username: "ann", password: "env:PW", project_id: "p1" };
  const said = await info(settings, { PW: "pw-sentinel" });
  expect(said.stderr).toContain("requires authentication");
  expect(said.stderr).toContain("check the credentials");
  expect(said.stderr).not.toContain("pw-sentinel");
  expect(cloud.logins.length).toBe(1);
  cloud.refusal = { status: 404, message: "Could not find Application Credential: nope." };
  const gone = await info(
    { auth_url: cloud.url, application_credential_id: "nope", application_credential_secret: "env:PW" },
    { PW: "s" },
  );
  expect(gone.stderr).toContain("check application_credential_id");
});

test("a token that is about to run out, or that Glance refuses, is renewed", async () => {
  await using cloud = new Cloud();
  const settings = { auth_url: cloud.url, username: "ann", password: "env:PW", project_id: "p1" };
  // A life of seconds alone is no reason to log in before each request.
  cloud.life = 30;
  expect((await info(settings, { PW: "pw" })).code).toBe(0);
  expect(cloud.logins.length).toBe(1);
  cloud.life = 0;
  expect((await info(settings, { PW: "pw" })).code).toBe(0);
  expect(cloud.logins.length).toBeGreaterThan(2);
  await using other = new Cloud();
  other.revoked.add("token-1-secret");
  expect((await info({ ...settings, auth_url: other.url }, { PW: "pw" })).code).toBe(0);
  expect(other.logins.length).toBe(2);
  expect(other.heard.at(-1)?.headers.get("x-auth-token")).toBe("token-2-secret");
});

test("vkcs has VK Cloud's domain of users, and its own address", async () => {
  await using cloud = new Cloud();
  const settings = {
    auth_url: cloud.url,
    username: "ann@example.org",
    password: "env:PW",
    project_id: "p1",
    region: "Two",
  };
  expect((await info(settings, { PW: "pw" }, {}, "vkcs")).code).toBe(0);
  expect(cloud.auth).toMatchObject({
    identity: { password: { user: { name: "ann@example.org", domain: { name: "users" } } } },
  });
});
