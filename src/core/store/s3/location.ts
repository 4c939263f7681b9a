import { Failure } from "../../failure.ts";

/** `s3://BUCKET/KEY?…`: what a state in an object store is named by. */
export interface S3Location {
  readonly bucket: string;
  readonly key: string;
  readonly region?: string;
  /** Of a store that is not AWS: `https://host`. */
  readonly endpoint?: string;
  readonly profile?: string;
  /** The bucket in the path of the URL, not in its host name. */
  readonly pathStyle?: boolean;
  /** Server-side encryption: AES256, or the id of a KMS key. */
  readonly encrypt?: string;
}

const OPTIONS = ["region", "endpoint", "profile", "path_style", "encrypt"];

/** @throws Failure config.value */
export function parseS3(text: string): S3Location {
  const url = new URL(text);
  const key = decodeURIComponent(url.pathname.replace(/^\//, ""));
  const wrong = (message: string, hint: string): Failure => new Failure("config.value", `state: ${message}`, { hint });
  if (url.hostname === "" || key === "" || key.endsWith("/"))
    throw wrong("expected s3://BUCKET/KEY", "for example s3://team-state/images/prod.json");
  if (url.username !== "" || url.password !== "")
    throw new Failure("config.secret", "state: an s3:// URL must not contain credentials", {
      hint: "use AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, web identity or the instance's role",
    });
  for (const name of url.searchParams.keys())
    if (!OPTIONS.includes(name))
      throw wrong(`unknown option ${JSON.stringify(name)} of an s3:// URL`, `there is: ${OPTIONS.join(", ")}`);
  const option = (name: string): string | undefined => url.searchParams.get(name) ?? undefined;
  const [endpoint, style] = [option("endpoint"), option("path_style")];
  if (endpoint !== undefined && !isHttp(endpoint)) throw wrong("endpoint: expected an http:// or https:// URL", "");
  if (style !== undefined && !/^(true|false)$/.test(style)) throw wrong("path_style: expected true or false", "");
  const given = { region: option("region"), endpoint, profile: option("profile"), encrypt: option("encrypt") };
  return {
    bucket: url.hostname,
    key,
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    ...(style === undefined ? {} : { pathStyle: style === "true" }),
  };
}

const isHttp = (text: string): boolean => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
