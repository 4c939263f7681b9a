import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { createHttpClient } from "../../../src/core/net/http.ts";
import { S3Credentials } from "../../../src/core/store/s3/credentials.ts";
import { served } from "../net/kit.ts";
import { directory, failureOf } from "./help.ts";
import { moto, programAt } from "./servers.ts";

// For a machine that does much else.
setDefaultTimeout(300_000);

interface Asked {
  readonly env?: Readonly<Record<string, string>>;
  readonly profile?: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly now?: () => number;
}

/** Credentials of a machine with these variables and these files below its home. */
async function of({ env = {}, profile, files = {}, now = Date.now }: Asked) {
  const home = await directory();
  for (const [name, text] of Object.entries(files)) await Bun.write(join(home.path, name), text);
  const secrets: string[] = [];
  const credentials = new S3Credentials({
    env: { HOME: home.path, PATH: process.env["PATH"], AWS_EC2_METADATA_DISABLED: "true", ...env },
    profile,
    region: "us-east-1",
    now,
    maskSecret: (secret) => secrets.push(secret),
    open: (options) => createHttpClient(options, { env: {}, redact: (text) => text, maskSecret: () => undefined }),
  });
  return { credentials, secrets, home: home.path, [Symbol.asyncDispose]: () => home[Symbol.asyncDispose]() };
}

const keys = async (asked: Asked) => {
  await using found = await of(asked);
  return await found.credentials.keys();
};

const CREDENTIALS = `
[default]
aws_access_key_id = AKIADEFAULT
aws_secret_access_key = default-secret
# a comment
[team]
aws_access_key_id=AKIATEAM
aws_secret_access_key=team-secret
aws_session_token=team-token
`;
const CONFIG = `
[default]
region = eu-west-1
s3 =
  addressing_style = path
[profile helper]
credential_process = printf '{"Version":1,"AccessKeyId":"AKIAHELPER","SecretAccessKey":"helper-secret"}'
[profile circle]
role_arn = arn:aws:iam::1:role/x
source_profile = other
[profile other]
role_arn = arn:aws:iam::1:role/y
source_profile = circle
`;
const files = { ".aws/credentials": CREDENTIALS, ".aws/config": CONFIG };

test("variables come first, then the profile that is named, then the default one", async () => {
  const env = { AWS_ACCESS_KEY_ID: "AKIAENV", AWS_SECRET_ACCESS_KEY: "env-secret", AWS_SESSION_TOKEN: "env-token" };
  expect(await keys({ env, files })).toEqual({
    accessKey: "AKIAENV",
    secretKey: "env-secret",
    sessionToken: "env-token",
  });
  expect(await keys({ env, files, profile: "team" })).toMatchObject({
    accessKey: "AKIATEAM",
    sessionToken: "team-token",
  });
  expect((await keys({ env: { AWS_PROFILE: "team" }, files })).accessKey).toBe("AKIATEAM");
  expect((await keys({ files })).accessKey).toBe("AKIADEFAULT");
  expect((await keys({ files, profile: "helper" })).accessKey).toBe("AKIAHELPER");
  const at = { AWS_SHARED_CREDENTIALS_FILE: "/nonexistent" };
  expect((await failureOf(keys({ env: at, files }))).message).toContain("no credentials");
  expect((await failureOf(keys({ files, profile: "nobody" }))).message).toContain('no profile "nobody"');
  expect((await failureOf(keys({ files, profile: "circle" }))).message).toContain("leads back to itself");
});

test("a container, and the role of an instance, asked again before they expire", async () => {
  const expiry = new Date(Date.now() + 3_600_000).toISOString();
  const given = (n: number) => ({ AccessKeyId: `AKIA${n}`, SecretAccessKey: "s", Token: "t", Expiration: expiry });
  let asked = 0;
  await using container = served((request) =>
    request.headers.get("authorization") === "the-token"
      ? Response.json(given(++asked))
      : new Response("", { status: 401 }),
  );
  const env = { AWS_CONTAINER_CREDENTIALS_FULL_URI: container.url, AWS_CONTAINER_AUTHORIZATION_TOKEN: "the-token" };
  let now = Date.now();
  await using found = await of({ env, now: () => now });
  expect((await found.credentials.keys()).accessKey).toBe("AKIA1");
  expect((await found.credentials.keys()).accessKey).toBe("AKIA1");
  now += 3_590_000;
  expect((await found.credentials.keys()).accessKey).toBe("AKIA2");
  expect(found.secrets).toContain("the-token");

  await using instance = served((request) => {
    const { pathname } = new URL(request.url);
    if (request.method === "PUT" && pathname === "/latest/api/token") return new Response("imds-token");
    if (request.headers.get("x-aws-ec2-metadata-token") !== "imds-token") return new Response("", { status: 401 });
    return pathname.endsWith("/security-credentials/") ? new Response("ci-role\n") : Response.json(given(9));
  });
  const at = { AWS_EC2_METADATA_DISABLED: "false", AWS_EC2_METADATA_SERVICE_ENDPOINT: instance.url };
  expect((await keys({ env: at })).accessKey).toBe("AKIA9");
});

// Installed by .ci/packages.
describe.skipIf(programAt("moto_server") === undefined)("with the token service of moto", () => {
  test("web identity, by variables and by a profile, and a role that a profile assumes", async () => {
    await using server = await moto();
    const role = "arn:aws:iam::123456789012:role/ci";
    const env = { AWS_ENDPOINT_URL_STS: server.url };
    await using home = await directory();
    await Bun.write(join(home.path, "token"), "a.web.token\n");
    const token = join(home.path, "token");
    const web = { ...env, AWS_WEB_IDENTITY_TOKEN_FILE: token, AWS_ROLE_ARN: role };
    await using found = await of({ env: web });
    const got = await found.credentials.keys();
    expect([got.accessKey.slice(0, 4), got.sessionToken === undefined]).toEqual(["ASIA", false]);
    expect(found.secrets).toContain("a.web.token");
    const config = `[profile web]\nrole_arn = ${role}\nweb_identity_token_file = ${token}\n[profile up]\nrole_arn = ${role}\nsource_profile = base\n[profile base]\naws_access_key_id = AKIABASE\naws_secret_access_key = x\n`;
    for (const profile of ["web", "up"])
      expect((await keys({ env, profile, files: { ".aws/config": config } })).accessKey).toStartWith("ASIA");
    const gone = { ...web, AWS_WEB_IDENTITY_TOKEN_FILE: "/nonexistent" };
    expect((await failureOf(keys({ env: gone }))).message).toContain("web identity token cannot be read");
  });
});
