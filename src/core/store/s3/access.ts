import type { ErrorDetails, HttpClient, HttpOptions } from "../../net/client.ts";
import { escaped, type Keys } from "../../net/sign.ts";
import { S3Credentials } from "./credentials.ts";
import type { S3Location } from "./location.ts";
import { profileOf, type S3Env } from "./profiles.ts";
import { elementOf } from "./xml.ts";

/** How a bucket is reached. */
export interface S3Access {
  /** The URL of the bucket, without a slash at its end. */
  readonly base: string;
  readonly region: string;
  /** Those of now: temporary ones are renewed before they expire. @throws Failure config.secret where there are none */
  keys(): Promise<Keys>;
}

interface AccessMeans {
  readonly env: S3Env;
  readonly open: (options: HttpOptions) => HttpClient;
  readonly maskSecret: (secret: string) => void;
  readonly now: () => number;
  readonly purpose?: string;
}

/** Endpoint, region and credentials of a bucket, as the AWS tools find them: the place, the environment, the profile. */
export async function s3Access(place: Omit<S3Location, "key" | "encrypt">, context: AccessMeans): Promise<S3Access> {
  const { env } = context;
  const profile = await profileOf(place.profile ?? env["AWS_PROFILE"] ?? "default", env);
  const region = place.region ?? env["AWS_REGION"] ?? env["AWS_DEFAULT_REGION"] ?? profile?.["region"] ?? "us-east-1";
  const own = place.endpoint ?? env["AWS_ENDPOINT_URL_S3"] ?? env["AWS_ENDPOINT_URL"] ?? profile?.["endpoint_url"];
  const credentials = new S3Credentials({ ...context, profile: place.profile, region });
  return { base: baseOf(place, own, region), region, keys: () => credentials.keys() };
}

function baseOf(
  { bucket, pathStyle }: Pick<S3Location, "bucket" | "pathStyle">,
  own: string | undefined,
  region: string,
): string {
  const suffix = region.startsWith("cn-") ? ".cn" : "";
  const endpoint = (own ?? `https://s3.${region}.amazonaws.com${suffix}`).replace(/\/+$/, "");
  // A certificate for *.host does not fit a bucket with dots.
  if (pathStyle ?? (own !== undefined || bucket.includes("."))) return `${endpoint}/${escaped(bucket)}`;
  const url = new URL(endpoint);
  url.hostname = `${bucket}.${url.hostname}`;
  return url.href.replace(/\/+$/, "");
}

/** What an object store says of a request that failed. */
export function s3ErrorOf(body: string, headers: Headers, now: number): ErrorDetails | undefined {
  const code = elementOf(body, "Code");
  if (code === undefined) return undefined;
  const id = elementOf(body, "RequestId");
  const date = Date.parse(headers.get("date") ?? "");
  const off = Math.round((now - date) / 60_000);
  const clock = code === "RequestTimeTooSkewed" && !Number.isNaN(off);
  const ahead = `${Math.abs(off)} min ${off > 0 ? "ahead" : "behind"}`;
  return {
    message: `${code}: ${elementOf(body, "Message") ?? ""}${clock ? ` (the clock of this machine is ${ahead})` : ""}`,
    ...(id === undefined || id === "" ? {} : { id }),
  };
}
