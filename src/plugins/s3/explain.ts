import { type ErrorDetails, elementOf, Failure, s3ErrorOf } from "images";
import type { BucketPlace } from "./place.ts";

interface Refusal {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** What the object store says of a failed request, and what helps. */
export function explainBucket({ status, headers, body }: Refusal, place: BucketPlace): ErrorDetails | undefined {
  const said = s3ErrorOf(body, headers, Date.now());
  const code = elementOf(body, "Code") ?? (status === 403 ? "AccessDenied" : "");
  const hint = hintOf(code, place, headers.get("x-amz-bucket-region") ?? "REGION");
  if (said === undefined && hint === undefined) return undefined;
  return {
    ...said,
    ...(hint === undefined ? {} : { hint }),
    ...(code === "EntityTooLarge" || code === "QuotaExceeded" ? { code: "limits" } : {}),
    ...(code === "InvalidAccessKeyId" || code === "SignatureDoesNotMatch" ? { code: "auth" } : {}),
  };
}

function hintOf(code: string, place: BucketPlace, region: string): string | undefined {
  const { bucket, prefix } = place;
  switch (code) {
    case "NoSuchBucket":
      return `create the bucket ${bucket}, or correct \`path\`, \`endpoint\` or \`region\``;
    case "AccessDenied":
    case "AllAccessDisabled":
      return `allow s3:ListBucket and s3:ListBucketMultipartUploads on arn:aws:s3:::${bucket}, and s3:GetObject, s3:PutObject, s3:DeleteObject, s3:AbortMultipartUpload and s3:ListMultipartUploadParts on arn:aws:s3:::${bucket}/${prefix}*`;
    case "InvalidAccessKeyId":
    case "SignatureDoesNotMatch":
    case "ExpiredToken":
    case "InvalidToken":
      return "check `access_key` and `secret_key`, or AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or the profile";
    case "PermanentRedirect":
    case "AuthorizationHeaderMalformed":
    case "IllegalLocationConstraintException":
      return `the bucket ${bucket} is in another region: set region = "${region}"`;
    case "RequestTimeTooSkewed":
      return "set the clock of this machine: requests are signed with the time";
    case "NotImplemented":
      return "this object store lacks something that a store needs: conditional writes, copies or uploads in parts";
    default:
      return undefined;
  }
}

/** An answer that is none of S3's. */
export const strange = (what: string): Failure =>
  new Failure("backend.answer", `the object store ${what}`, { hint: "does `endpoint` lead to an S3 server?" });
