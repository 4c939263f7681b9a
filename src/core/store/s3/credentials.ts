import { readFile } from "node:fs/promises";
import { runForSecret } from "../../config/command.ts";
import { Failure } from "../../failure.ts";
import { isTable } from "../../model/value.ts";
import type { HttpClient, HttpOptions } from "../../net/client.ts";
import { type Keys, signedHeaders } from "../../net/sign.ts";
import { profileOf, type S3Env, type S3Profile } from "./profiles.ts";
import { elementOf } from "./xml.ts";

interface S3CredentialSettings {
  readonly keys: Keys;
  /** Milliseconds of the clock; none: they do not expire. */
  readonly expires?: number;
}

interface CredentialMeans {
  readonly env: S3Env;
  readonly profile: string | undefined;
  readonly region: string;
  readonly open: (options: HttpOptions) => HttpClient;
  readonly maskSecret: (secret: string) => void;
  readonly now: () => number;
  /** What they are for: "the state in S3". */
  readonly purpose?: string;
}

/** Renewed so many milliseconds before they expire. */
const EARLY = 5 * 60_000;

/** The credentials of a run: found once, and again before they expire. */
export class S3Credentials {
  readonly #context: CredentialMeans;
  #known: Promise<S3CredentialSettings> | undefined;

  constructor(context: CredentialMeans) {
    this.#context = context;
  }

  /** @throws Failure config.secret where there are none */
  async keys(): Promise<Keys> {
    const known = await this.#known?.catch(() => undefined);
    if (known === undefined || (known.expires ?? Infinity) - this.#context.now() < EARLY) this.#known = undefined;
    this.#known ??= this.#find();
    return (await this.#known).keys;
  }

  async #find(): Promise<S3CredentialSettings> {
    const { env, profile, maskSecret } = this.#context;
    const found =
      (profile === undefined ? fromEnv(env) : undefined) ??
      (await this.#profile(profile ?? env["AWS_PROFILE"] ?? "default", profile !== undefined, [])) ??
      (await this.#webIdentity(
        env["AWS_WEB_IDENTITY_TOKEN_FILE"],
        env["AWS_ROLE_ARN"],
        env["AWS_ROLE_SESSION_NAME"],
      )) ??
      (await this.#container()) ??
      (await this.#instance());
    if (found === undefined) throw none(this.#context.purpose ?? "the state in S3");
    maskSecret(found.keys.secretKey);
    if (found.keys.sessionToken !== undefined) maskSecret(found.keys.sessionToken);
    return found;
  }

  async #profile(name: string, isNamed: boolean, seen: readonly string[]): Promise<S3CredentialSettings | undefined> {
    const profile = await profileOf(name, this.#context.env);
    if (profile === undefined) {
      if (!isNamed && this.#context.env["AWS_PROFILE"] === undefined) return undefined;
      throw new Failure("config.secret", `there is no profile ${JSON.stringify(name)} in the AWS configuration files`, {
        hint: "see ~/.aws/config and ~/.aws/credentials, or AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE",
      });
    }
    if (seen.includes(name))
      throw new Failure("config.secret", `the source_profile of profile ${name} leads back to itself`);
    const { role_arn: role, source_profile: source, credential_process: command } = profile;
    if (role !== undefined && source !== undefined && source !== name) {
      const from = await this.#profile(source, true, [...seen, name]);
      return from && (await this.#assume(role, from.keys, profile));
    }
    const keys = keysOf(profile["aws_access_key_id"], profile["aws_secret_access_key"], profile["aws_session_token"]);
    if (keys !== undefined) return role === undefined ? { keys } : await this.#assume(role, keys, profile);
    if (command !== undefined) return await fromProcess(command, this.#context.env, name);
    return await this.#webIdentity(profile["web_identity_token_file"], role, profile["role_session_name"]);
  }

  async #assume(role: string, keys: Keys, profile: S3Profile): Promise<S3CredentialSettings> {
    const { region, now } = this.#context;
    const signer = { family: "AWS4", keys, region, service: "sts" } as const;
    const external = profile["external_id"];
    return await this.#sts(
      {
        Action: "AssumeRole",
        RoleArn: role,
        RoleSessionName: profile["role_session_name"] ?? "images",
        ...(external === undefined ? {} : { ExternalId: external }),
      },
      (request) => signedHeaders(request, signer, new Date(now())),
    );
  }

  async #webIdentity(file: string | undefined, role: string | undefined, session: string | undefined) {
    if (file === undefined || role === undefined) return undefined;
    const token = await readFile(file, "utf8").catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      throw new Failure("config.secret", `the web identity token cannot be read: ${why}`);
    });
    this.#context.maskSecret(token.trim());
    const RoleSessionName = session ?? "images";
    return await this.#sts(
      { Action: "AssumeRoleWithWebIdentity", RoleArn: role, RoleSessionName, WebIdentityToken: token.trim() },
      {},
    );
  }

  async #sts(
    words: Readonly<Record<string, string>>,
    headers: NonNullable<HttpOptions["headers"]>,
  ): Promise<S3CredentialSettings> {
    const { env, region } = this.#context;
    const url = env["AWS_ENDPOINT_URL_STS"] ?? env["AWS_ENDPOINT_URL"] ?? `https://sts.${region}.amazonaws.com`;
    await using http = this.#context.open({ url, headers, explain: ({ body }) => saidBySts(body) });
    const body = new URLSearchParams({ ...words, Version: "2011-06-15" }).toString();
    const answer = await http.send("POST", "/", {
      signal: AbortSignal.timeout(60_000),
      body,
      idempotent: true,
      headers: { "content-type": "application/x-www-form-urlencoded" },
    });
    const text = await answer.text();
    const keys = keysOf(
      elementOf(text, "AccessKeyId"),
      elementOf(text, "SecretAccessKey"),
      elementOf(text, "SessionToken"),
    );
    if (keys === undefined) throw new Failure("config.secret", `${url} answered without credentials`);
    return { keys, ...expiring(elementOf(text, "Expiration")) };
  }

  /** ECS, EKS Pod Identity: an address that only the container reaches. */
  async #container(): Promise<S3CredentialSettings | undefined> {
    const { env } = this.#context;
    const relative = env["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"];
    const url = relative === undefined ? env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] : `http://169.254.170.2${relative}`;
    if (url === undefined) return undefined;
    const file = env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"];
    const token = file === undefined ? env["AWS_CONTAINER_AUTHORIZATION_TOKEN"] : (await readFile(file, "utf8")).trim();
    if (token !== undefined) this.#context.maskSecret(token);
    await using http = this.#context.open({ url, headers: token === undefined ? {} : { authorization: token } });
    return fromJson(await http.json("GET", url, { signal: AbortSignal.timeout(10_000) }), url);
  }

  /** The role of an EC2 instance, by the second version of its metadata service. */
  async #instance(): Promise<S3CredentialSettings | undefined> {
    const { env } = this.#context;
    if (env["AWS_EC2_METADATA_DISABLED"]?.toLowerCase() === "true") return undefined;
    const url = env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] ?? "http://169.254.169.254";
    await using http = this.#context.open({ url });
    const call = { signal: AbortSignal.timeout(2000), timeout: 2 };
    const seconds = { "x-aws-ec2-metadata-token-ttl-seconds": "21600" };
    const token = await http
      .send("PUT", "/latest/api/token", { ...call, headers: seconds })
      .then((answer) => answer.text())
      .catch(() => undefined);
    if (token === undefined) return undefined;
    this.#context.maskSecret(token);
    const headers = { "x-aws-ec2-metadata-token": token };
    const path = "/latest/meta-data/iam/security-credentials/";
    const roles = await (await http.send("GET", path, { ...call, headers, accept: [404] })).text();
    const role = roles.split("\n")[0]?.trim() ?? "";
    if (role === "" || role.startsWith("<")) return undefined;
    return fromJson(await http.json("GET", `${path}${role}`, { ...call, headers }), `${url}${path}`);
  }
}

const fromEnv = (env: S3Env): S3CredentialSettings | undefined => {
  const keys = keysOf(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], env["AWS_SESSION_TOKEN"]);
  return keys && { keys };
};

function keysOf(accessKey = "", secretKey = "", sessionToken = ""): Keys | undefined {
  if (accessKey === "" || secretKey === "") return undefined;
  return { accessKey, secretKey, ...(sessionToken === "" ? {} : { sessionToken }) };
}

async function fromProcess(command: string, env: S3Env, name: string): Promise<S3CredentialSettings> {
  const what = `the credential_process of profile ${name}`;
  const ran = await runForSecret(command, { directory: process.cwd(), env, timeout: 60_000, signal: undefined });
  if (ran.kind !== "done")
    throw new Failure("config.secret", `${what} ${ran.kind === "failed" ? ran.why : "was stopped"}`);
  let value: unknown;
  try {
    value = JSON.parse(ran.output);
  } catch {
    throw new Failure("config.secret", `${what} did not print JSON`);
  }
  return fromJson(value, what);
}

function fromJson(value: unknown, where: string): S3CredentialSettings {
  const said = (name: string): string | undefined => {
    const found = isTable(value) ? value[name] : undefined;
    return typeof found === "string" ? found : undefined;
  };
  const keys = keysOf(said("AccessKeyId"), said("SecretAccessKey"), said("Token") ?? said("SessionToken"));
  if (keys === undefined) throw new Failure("config.secret", `${where} answered without credentials`);
  return { keys, ...expiring(said("Expiration")) };
}

function expiring(text: string | undefined): { readonly expires?: number } {
  const expires = Date.parse(text ?? "");
  return Number.isNaN(expires) ? {} : { expires };
}

const saidBySts = (body: string) => {
  const [code, message] = [elementOf(body, "Code"), elementOf(body, "Message")];
  return code === undefined ? undefined : { message: `${code}: ${message ?? ""}` };
};

const none = (purpose: string): Failure =>
  new Failure("config.secret", `no credentials for ${purpose}`, {
    hint: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a profile (AWS_PROFILE, or `profile`), or run where web identity, a container or an instance role gives them",
  });
