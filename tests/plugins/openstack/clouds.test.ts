import { expect, setDefaultTimeout, test } from "bun:test";
import { Cloud, info } from "./keystone.ts";

// clouds.yaml as openstacksdk reads it: which region, which endpoint and which credentials come of it.

setDefaultTimeout(300_000);

const file = (url: string) => `
x-login: &login {username: ann, password: pw, project_id: p1}
clouds:
  many:
    auth: {<<: *login, auth_url: '${url}/first'}
    region_name: Elsewhere
    interface: public
    regions:
      - One
      - name: Two
        values:
          interface: internal
          auth: {auth_url: '${url}/second', project-id: p2}
      - name: Three
        values: {image-endpoint-override: '${url}/override'}
  merged:
    <<: &base {region_name: Two, auth: {<<: *login, auth_url: '${url}/base'}}
    interface: internal
  oidc:
    auth_type: v3oidcpassword
    auth: {<<: *login, auth_url: '${url}/oidc'}
`;

interface Case {
  readonly settings: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly login: string;
  readonly images: string;
  readonly project: string;
}

// The same file read by openstacksdk 0.101.0 gives these values.
const cases: Readonly<Record<string, Case>> = {
  "the first region": {
    settings: { cloud: "many" },
    login: "/first/v3",
    images: "/public-One/v2/images",
    project: "p1",
  },
  "a region by the settings, with its values and its own auth over the cloud's": {
    settings: { cloud: "many", region: "Two" },
    login: "/second/v3",
    images: "/internal-Two/v2/images",
    project: "p2",
  },
  "a region by the environment": {
    settings: { cloud: "many" },
    env: { OS_REGION_NAME: "Two" },
    login: "/second/v3",
    images: "/internal-Two/v2/images",
    project: "p2",
  },
  "an endpoint of the region, with dashes": {
    settings: { cloud: "many", region: "Three" },
    login: "/first/v3",
    images: "/override/v2/images",
    project: "p1",
  },
  "merge keys": {
    settings: { cloud: "merged" },
    login: "/base/v3",
    images: "/internal-Two/v2/images",
    project: "p1",
  },
};

test.each(Object.entries(cases))("%s", async (_, { settings, env, login, images, project }) => {
  await using cloud = new Cloud();
  const said = await info(settings, env ?? {}, { "clouds.yaml": file(cloud.url) });
  expect(said.stderr).toBe("");
  expect(cloud.logins[0]?.path).toBe(`${login}/auth/tokens`);
  expect(cloud.heard.at(-1)?.path).toBe(images);
  expect(cloud.auth).toMatchObject({ scope: { project: { id: project } } });
});

test("a region that the cloud does not list is refused with those that it does", async () => {
  const said = await info({ cloud: "many", region: "Four" }, {}, { "clouds.yaml": file("http://127.0.0.1:1") });
  expect(said.code).toBe(1);
  expect(said.stderr).toContain('has no region "Four"');
  expect(said.stderr).toContain("One, Two, Three");
});

test("an auth_type that is unknown is refused, and nobody is asked", async () => {
  await using cloud = new Cloud();
  const files = { "clouds.yaml": file(cloud.url) };
  const said = await info({ cloud: "oidc" }, {}, files);
  expect(said.code).toBe(1);
  expect(said.stderr).toContain('auth_type "v3oidcpassword" is not supported');
  const env = { OS_AUTH_URL: cloud.url, OS_AUTH_TYPE: "v3totp", OS_USERNAME: "ann", OS_PASSWORD: "pw" };
  expect((await info({}, env, {})).stderr).toContain('auth_type "v3totp" is not supported');
  expect(cloud.heard).toEqual([]);
});
