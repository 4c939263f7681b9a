import { Failure } from "../../failure.ts";
import type { S3Location } from "./location.ts";

/** A failed request of the object store as one of the state: which action on which object, and what to grant. */
export function explained(
  error: unknown,
  place: S3Location,
  base: string,
  method: string,
  key: string | undefined,
  action: string,
): unknown {
  if (!(error instanceof Failure) || !/^(backend|net)\./.test(error.code)) return error;
  const { message, request, retry } = error;
  const code = /^(\w+): /.exec(message)?.[1] ?? "";
  const hint = hintOf(code, error, place, base, key, action);
  return new Failure("state.remote", `the state in s3://${place.bucket}/${place.key}: ${message}`, {
    cause: error,
    hint,
    retry,
    request: request ?? { method, url: base },
  });
}

/** An answer that says no in words of its own. */
export function refused(
  place: S3Location,
  code: string,
  method: string,
  key: string,
  action: string,
  region: string | null = null,
): Failure {
  const what = code === "" ? "not a response of S3" : code;
  return new Failure("state.remote", `the state in s3://${place.bucket}/${place.key}: ${what} (${method} ${key})`, {
    hint: (byCode(code, place, key, action) ?? endpointHint(place)).replace("REGION", region ?? "REGION"),
  });
}

function hintOf(
  code: string,
  error: Failure,
  place: S3Location,
  base: string,
  key: string | undefined,
  action: string,
) {
  const known = byCode(code, place, key, action);
  if (known !== undefined) return known;
  if (error.code === "backend.denied") return grant(place, key, action);
  if (error.request?.status === undefined)
    return `the endpoint is ${new URL(base).origin}: ${error.hint ?? "try again"}`;
  return error.hint;
}

function byCode(code: string, place: S3Location, key: string | undefined, action: string): string | undefined {
  switch (code) {
    case "NoSuchBucket":
      return `create the bucket ${place.bucket}, or correct the name, the endpoint or the region of the state`;
    case "AccessDenied":
    case "AllAccessDisabled":
      return grant(place, key, action);
    case "InvalidAccessKeyId":
    case "XAdminUserNotFound":
    case "SignatureDoesNotMatch":
    case "ExpiredToken":
    case "InvalidToken":
      return "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or the profile";
    case "PermanentRedirect":
    case "AuthorizationHeaderMalformed":
    case "IllegalLocationConstraintException":
      return `the bucket ${place.bucket} is in another region: add ?region=REGION to the URL of the state, or set AWS_REGION`;
    case "RequestTimeTooSkewed":
      return "set the clock of this machine: requests are signed with the time";
    case "NotImplemented":
      return "this object store does not support conditional writes and copies";
    default:
      return undefined;
  }
}

function grant(place: S3Location, key: string | undefined, action: string): string {
  const list = `s3:ListBucket on arn:aws:s3:::${place.bucket}`;
  if (action === "s3:ListBucket") return `allow ${list}`;
  const one = `allow ${action} on arn:aws:s3:::${place.bucket}/${key ?? place.key}`;
  // Without the right to list, what is not there is answered like what is forbidden.
  return action === "s3:GetObject" ? `${one}, and ${list}` : one;
}

const endpointHint = (place: S3Location): string =>
  `check the endpoint${place.endpoint === undefined ? "" : ` ${place.endpoint}`}: it does not respond as S3`;
