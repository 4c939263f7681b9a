import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { backendName } from "../../../src/core/model/name.ts";
import { accessOf } from "../../../src/plugins/openstack/access.ts";
import { VENDORS } from "../../../src/plugins/openstack/vendors.ts";
import { TestDirectory } from "../../harness.ts";

// The same clouds.yaml, read here and by openstacksdk itself, where a Python has it: IMAGES_OPENSTACKSDK names that Python.

setDefaultTimeout(300_000);

const python = process.env["IMAGES_OPENSTACKSDK"] ?? "/usr/bin/python3";
/** It is looked for, and not imported: that takes most of a second. */
const LOOK = `import importlib.util, os, sys
found = importlib.util.find_spec("openstack")
sys.exit(not (found and found.origin and os.path.exists(os.path.join(os.path.dirname(found.origin), "config", "loader.py"))))`;
const hasSdk = Bun.spawnSync([python, "-c", LOOK], { stdout: "ignore", stderr: "ignore" }).success;

/** Those of openstacksdk that are neither gone nor kept elsewhere. */
const VENDOR_NAMES = Object.entries(VENDORS).flatMap(([name, { status, profile }]) =>
  status === "shutdown" || profile !== undefined ? [] : [name],
);
const regionsOf = (name: string) => {
  const regions = VENDORS[name]?.["regions"];
  return Array.isArray(regions) ? regions.map(String) : [];
};

const file = `
x-login: &login {username: ann, password: pw, project_id: p1}
clouds:
  plain: {auth: {<<: *login, auth_url: 'https://k.example/v3'}, region_name: R1, interface: internal}
  merged: {<<: &base {region_name: R2, auth: {<<: *login, auth_url: 'https://base.example/v3'}}, interface: admin}
  many:
    auth: {<<: *login, auth_url: 'https://first.example/v3'}
    region_name: Elsewhere
    regions:
      - One
      - {name: Two, values: {interface: internal, auth: {auth_url: 'https://second.example/v3', project_id: p2}}}
      - {name: Three, values: {image_endpoint_override: 'https://glance.example'}}
  loose: {auth: {<<: *login, auth_url: 'https://k.example/v3'}, region_name: R1, verify: false}
  strict: {auth: {<<: *login, auth_url: 'https://k.example/v3'}, region_name: R1, insecure: false}
  insecure: {auth: {<<: *login, auth_url: 'https://k.example/v3'}, region_name: R1, insecure: true}
  dashes: {auth: {username: ann, password: pw, project-id: p3, auth-url: 'https://k.example/v3'}, region-name: R1, image-endpoint-override: 'https://glance.example'}
  outside: {auth: {password: pw, auth_url: 'https://k.example/v3'}, username: bob, project_name: q, region_name: R1}
  secured: {auth: {username: ann, project_id: p1, auth_url: 'https://k.example/v3'}, region_name: R1}
  own: {profile: mine, auth: *login}
  own-over: {profile: mine, auth: {<<: *login, auth_url: 'https://over.example/v3'}, region_name: M1}
  old-word: {cloud: mine, auth: *login}
  by-id: {auth: {user_id: u1, password: pw, project_name: q, project_domain_id: d, user_domain_name: D, auth_url: 'https://k.example'}, region_name: R1}
  tenant: {auth: {username: ann, password: pw, tenant_name: t, auth_url: 'https://k.example/v3'}, region_name: R1}
  tenant-id: {auth: {username: ann, password: pw, tenant_id: t9, auth_url: 'https://k.example/v3'}, region_name: R1}
  endpoint-type: {auth: {<<: *login, auth_url: 'https://k.example/v3'}, region_name: R1, endpoint_type: internalURL}
  image-interface: {auth: {<<: *login, auth_url: 'https://k.example/v3'}, region_name: R1, interface: internal, image_interface: admin}
  no-region: {auth: {<<: *login, auth_url: 'https://k.example/v3'}}
  number: {auth: {username: ann, password: 123, project_id: 456, auth_url: 'https://k.example/v3'}, region_name: 7}
  templated: {auth: {<<: *login, auth_url: 'https://{region_name}.example/v3'}, region_name: R1}
  templated-many: {auth: {<<: *login, auth_url: 'https://{region_name}.example/v3'}, regions: [A1, B2]}
  one-of-many: {auth: {<<: *login, auth_url: 'https://k.example/v3'}, regions: [{name: Only, values: {auth: {project_id: px}}}]}
  image-region: {auth: {<<: *login, auth_url: 'https://k.example/v3'}, region_name: R1, image_region_name: R5}
  verify-text: {auth: {<<: *login, auth_url: 'https://k.example/v3'}, region_name: R1, verify: 'false'}
  own-region: {profile: mine, auth: *login, region_name: M7}
  both-words: {profile: mine, cloud: other-one, auth: *login}
${VENDOR_NAMES.map((name) => `  v-${name}: {profile: ${name}, auth: *login}`).join("\n")}
`;
const secure = "clouds: {secured: {auth: {password: pw}}}\n";
const vendors =
  "public-clouds: {mine: {auth: {auth_url: 'https://mine.example/v3'}, region_name: M0, interface: internal}}\n";

const cases: readonly (readonly [cloud: string, region?: string])[] = [
  ...["plain", "merged", "many", "loose", "strict", "insecure", "dashes", "outside", "secured"].map(
    (name) => [name] as const,
  ),
  ["many", "Two"],
  ["many", "Three"],
  ["many", "Four"],
  ...["own", "own-over", "old-word"].map((name) => [name] as const),
  ...["by-id", "tenant", "tenant-id", "endpoint-type", "image-interface", "no-region", "number", "templated"].map(
    (name) => [name] as const,
  ),
  ...["templated-many", "one-of-many", "image-region", "verify-text", "own-region", "both-words"].map(
    (name) => [name] as const,
  ),
  ["templated-many", "B2"],
  ["nobody"],
  ...VENDOR_NAMES.flatMap((name) => [
    [`v-${name}`] as const,
    ...regionsOf(name).map((region) => [`v-${name}`, region] as const),
  ]),
];

async function ours(directory: string, [cloud, region]: readonly [string, string?]): Promise<unknown> {
  const env = { HOME: directory, OS_CLIENT_CONFIG_FILE: join(directory, "clouds.yaml") };
  const written = { cloud, ...(region === undefined ? {} : { region }) };
  try {
    const {
      url,
      credentials,
      scope,
      region: in_,
      interface: of,
      endpoint,
      tls,
    } = await accessOf(written, { backend: backendName("x"), directory, env });
    const user = credentials.how === "password" ? credentials.user : undefined;
    const project = scope !== undefined && "project" in scope ? scope.project : undefined;
    const text = (one: typeof user) => (one === undefined ? null : "id" in one ? one.id : one.name);
    return {
      auth_url: url,
      user: text(user),
      project: text(project),
      region: in_ ?? null,
      interface: of,
      endpoint: endpoint ?? null,
      verify: tls.verify !== false,
    };
  } catch {
    return { error: true };
  }
}

/** Keystone's third version is what is asked, whatever an address says of it. */
const normal = (answer: Record<string, unknown>): unknown =>
  "error" in answer
    ? { error: true }
    : {
        ...answer,
        interface: String(answer["interface"]).replace(/URL$/, ""),
        auth_url: `${String(answer["auth_url"])
          .replace(/\/+$/, "")
          .replace(/\/v(?:3|2\.0)$/, "")}/v3`,
      };

test.skipIf(!hasSdk)(
  "clouds.yaml comes to what openstacksdk makes of it (skipped where no Python has openstacksdk)",
  async () => {
    await using directory = await TestDirectory.make({
      "clouds.yaml": file,
      "secure.yaml": secure,
      "clouds-public.yaml": vendors,
    });
    const env = {
      PATH: process.env["PATH"] ?? "",
      HOME: directory.path,
      OS_CLIENT_CONFIG_FILE: directory.at("clouds.yaml"),
      OS_CLIENT_SECURE_FILE: directory.at("secure.yaml"),
      OS_CLIENT_VENDOR_FILE: directory.at("clouds-public.yaml"),
    };
    const script = join(import.meta.dir, "sdk.py");
    const said = Bun.spawnSync([python, script, JSON.stringify(cases)], { env, cwd: directory.path });
    expect(said.stderr.toString()).toBe("");
    const { answers, vendors: theirs } = JSON.parse(said.stdout.toString());
    // An older openstacksdk has other regions in its profiles.
    const isSame = (name: string) => Bun.deepEquals(theirs[name]?.regions ?? [], VENDORS[name]?.["regions"] ?? []);
    const known = cases.map(([cloud]) => !cloud.startsWith("v-") || isSame(cloud.slice(2)));
    const table = await Promise.all(cases.map(async (one) => [one.join(" "), await ours(directory.path, one)]));
    const wanted = cases.map((one, i) => [one.join(" "), normal(answers[i])]);
    const shown = (rows: unknown[]) => rows.filter((_, i) => known[i]);
    expect(shown(table)).toEqual(shown(wanted));
  },
);

test("a region that clouds.yaml does not name is the catalogue's to refuse; openstacksdk refuses it by itself", async () => {
  await using directory = await TestDirectory.make({ "clouds.yaml": file });
  expect(await ours(directory.path, ["plain", "R9"])).toMatchObject({ region: "R9", interface: "internal" });
  expect(await ours(directory.path, ["many", "Four"])).toEqual({ error: true });
});

test("a profile that is kept elsewhere, of a cloud that is gone, or unknown: an error with what to write", async () => {
  const clouds = ["ovh", "vexxhost", "https://cloud.example", "betacloud", "nobody"].map(
    (name, i) => `  c${i}: {profile: '${name}', auth: {username: a, password: b, project_id: c}}`,
  );
  await using directory = await TestDirectory.make({ "clouds.yaml": `clouds:\n${clouds.join("\n")}\n` });
  const said = await Promise.all(
    clouds.map((_, i) =>
      accessOf(
        { cloud: `c${i}` },
        { backend: backendName("x"), directory: directory.path, env: { HOME: directory.path } },
      ).then(
        () => "none",
        (thrown: unknown) => (thrown instanceof Error ? thrown.message : ""),
      ),
    ),
  );
  expect(said).toEqual([
    'the profile "ovh" is at https://ovhcloud.com; profiles at URLs are not read, as they decide where the password is sent',
    'the profile "vexxhost" is at https://vexxhost.com; profiles at URLs are not read, as they decide where the password is sent',
    'the profile "https://cloud.example" is at https://cloud.example; profiles at URLs are not read, as they decide where the password is sent',
    'the cloud of the profile "betacloud" is gone: betacloud.de has ceased business',
    'unknown profile "nobody": not in clouds-public.yaml, and none of openstacksdk\'s',
  ]);
  expect(Object.keys(VENDORS).length).toBeGreaterThan(20);
});
