import type { ErrorDetails } from "images";

type Answer = { readonly status: number; readonly headers: Headers; readonly body: string };

/** What an answer of Keystone, Glance or Nova that is no success says. */
export function explain(answer: Answer): ErrorDetails | undefined {
  const message = messageIn(answer.body);
  if (message === undefined) return bySomebodyElse(answer);
  const found = RULES.find(({ status, text }) => status === answer.status && text.test(message));
  return { message, ...found?.means };
}

/** What a proxy or load balancer in front of a service says: a page, without the number that each service gives to a request. */
function bySomebodyElse({ status, headers }: Answer): ErrorDetails | undefined {
  if (headers.get("x-openstack-request-id") !== null) return undefined;
  const server = headers.get("server")?.split(/[/ ]/)[0];
  const proxy = `a proxy in front of the service${server === undefined || server === "" ? "" : ` (${server})`}`;
  if (status === 413)
    return {
      code: "limits",
      message: `${proxy} refuses a request body of this size`,
      hint: "ask its administrators to raise the limit for the image service (nginx: client_max_body_size, Apache: LimitRequestBody), give an `endpoint` that bypasses it, or let Glance fetch a URL by itself: web_download = true",
    };
  if (status === 504)
    return {
      message: `${proxy} did not wait for its answer`,
      hint: "ask its administrators to raise the timeout for the image service (nginx: proxy_read_timeout), or give an `endpoint` that bypasses it",
    };
  return undefined;
}

const RULES: readonly { readonly status: number; readonly text: RegExp; readonly means: ErrorDetails }[] = [
  {
    status: 403,
    text: /is protected and cannot be deleted/i,
    means: {
      code: "protected",
      hint: "set protected = false on the image and apply that first; or openstack image set --unprotect",
    },
  },
  {
    status: 403,
    text: /publicize_image|communitize_image/,
    means: {
      hint: "this cloud restricts this visibility: choose another one, or ask its administrators",
    },
  },
  {
    status: 403,
    text: /modify_member/,
    means: { hint: "only the member project can accept an image: set a `cloud` with its credentials" },
  },
  {
    status: 403,
    text: /copy_image|delete_image_location/,
    means: { hint: "this cloud allows it to administrators only" },
  },
  // What is left of an upload that broke off is cleared away within seconds.
  { status: 409, text: /from (?:saving|uploading) to (?:saving|uploading) is not allowed/, means: { retry: true } },
  {
    status: 409,
    text: /in use/i,
    means: { code: "used", hint: "delete what was created from it first, or keep it with on_remove" },
  },
  {
    status: 413,
    text: /number of allowed image (?:properties|tags|members)/i,
    means: {
      code: "limits",
      hint: "declare fewer of them, or ask for a larger quota; the marker takes five properties",
    },
  },
  {
    status: 413,
    text: /over (?:a )?limit|exceeded|too large|quota/i,
    means: {
      code: "limits",
      hint: "delete images that are not needed, or ask for a larger quota: openstack limits show --absolute",
    },
  },
  {
    status: 415,
    text: /application\/octet-stream is not supported/,
    means: {
      message: "the bytes do not have the format of disk_format",
      hint: "remove disk_format, or correct it",
    },
  },
  {
    status: 404,
    text: /Could not find Application Credential/i,
    means: { code: "auth", hint: "check application_credential_id: it does not exist" },
  },
  {
    status: 400,
    text: /does not pass filtering/,
    means: { hint: "this cloud does not fetch from there: remove web_download" },
  },
];

/** The text of `{"message": …}`, `{"error": {"message": …}}` or `{"itemNotFound": {"message": …}}`, without markup. */
export function messageIn(body: string): string | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(body);
  } catch {
    return body.trimStart().startsWith("<") || body.trim() === "" ? undefined : plain(body);
  }
  const text =
    messageOf(answer) ??
    Object.values(Object(answer))
      .map(messageOf)
      .find((one) => one !== undefined);
  return text === undefined ? undefined : plain(text);
}

const messageOf = (value: unknown): string | undefined =>
  typeof value === "object" && value !== null && "message" in value && typeof value.message === "string"
    ? value.message
    : undefined;

/** Without markup, and without the schema that a breach of it is followed by. */
const plain = (text: string): string =>
  (text.split("\n\nFailed validating")[0] ?? "")
    .replaceAll(/<[^>]*>/g, " ")
    .replaceAll(/\s+/g, " ")
    .replace(/^\d{3} [A-Z][A-Za-z ]+? (?=\S+ image\b)/, "")
    .trim();
