import type { ErrorDetails } from "images";
import * as t from "typanion";

const isErrors = t.isObject(
  {
    errors: t.isArray(
      t.isObject({ reason: t.isString(), field: t.isOptional(t.isString()) }, { extra: t.isUnknown() }),
    ),
  },
  { extra: t.isUnknown() },
);

/** What an answer that is no success says: the reasons of the API, or the XML of the object storage. */
export function explain(answer: {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}): ErrorDetails | undefined {
  const { status, headers, body } = answer;
  if (status === 503 && headers.has("x-maintenance-mode"))
    return { ...said(body), hint: "Linode is under maintenance: see https://status.linode.com, and try again later" };
  // The balancer before the API sometimes answers so to a good request; Linode's own clients try again.
  if (status === 400 && /nginx/i.test(headers.get("server") ?? "") && isHtml(headers)) return { retry: true };
  const reasons = reasonsIn(body);
  if (reasons === undefined) return /<Error>/.test(body) ? ofStorage(status, body) : undefined;
  const message = reasons.map(({ field, reason }) => (field === undefined ? reason : `${field}: ${reason}`)).join("; ");
  if (status === 400 && reasons.some(({ reason }) => /^Linode busy\b/i.test(reason)))
    return {
      message,
      code: "busy",
      retry: true,
      hint: "the Linode is busy: apply again later",
    };
  if (reasons.some(({ reason }) => /not authorized/i.test(reason)))
    return {
      message,
      code: "denied",
      hint: `the token needs the scope ${headers.get("x-accepted-oauth-scopes") ?? "of this operation"}`,
    };
  if (status === 403) return { message, hint: "only private images of the account can be changed" };
  return { message };
}

const isHtml = (headers: Headers): boolean => /text\/html/i.test(headers.get("content-type") ?? "");

function reasonsIn(body: string): t.InferType<typeof isErrors>["errors"] | undefined {
  try {
    const answer: unknown = JSON.parse(body);
    return isErrors(answer) && answer.errors.length > 0 ? answer.errors : undefined;
  } catch {
    return undefined;
  }
}

const said = (body: string): ErrorDetails => {
  const message = reasonsIn(body)
    ?.map(({ reason }) => reason)
    .join("; ");
  return message === undefined ? {} : { message };
};

/** `<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>` */
function ofStorage(status: number, body: string): ErrorDetails {
  const part = (name: string) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(body)?.[1]?.trim() ?? "";
  const message = [part("Code"), part("Message")].filter((text) => text !== "").join(": ");
  const id = part("RequestId");
  const more = { ...(message === "" ? {} : { message }), ...(id === "" ? {} : { id }) };
  if (status !== 403) return more;
  return {
    ...more,
    code: "refused",
    hint: "an upload URL is valid for a day, and until its image exists: apply again",
  };
}
