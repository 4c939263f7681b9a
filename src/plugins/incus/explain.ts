import type { Explained } from "images";
import { isEnvelope } from "./wire.ts";

/** What an answer that is no success says. */
export function explain({ status, body }: { readonly status: number; readonly body: string }): Explained | undefined {
  const message = errorIn(body);
  if (status === 403)
    return {
      ...(message === undefined ? {} : { message }),
      code: "denied",
      hint: "the certificate is not trusted for this, or for other projects only: check `project`; `incus config trust add` on the server makes a `token`",
    };
  return message === undefined ? undefined : { message, ...known(message) };
}

/** What errors of operations and answers mean, in our words. */
export function known(message: string): Pick<Explained, "code" | "hint"> {
  const found = KNOWN.find(([pattern]) => pattern.test(message));
  return found === undefined ? {} : found[1];
}

const KNOWN: readonly (readonly [RegExp, Pick<Explained, "code" | "hint">])[] = [
  [/exceed(s|ing).*(quota|budget|bugdget)/i, { code: "limits", hint: "the project's limits.disk is used up" }],
  [/Profile .* doesn't exist/i, { code: "refused", hint: "make the profile, or name another one in `profiles`" }],
  [/no space left/i, { code: "limits", hint: "the disk of the server is full" }],
  [/Alias already exists/i, { code: "conflict", hint: "an alias belongs to one image of a project" }],
  [/x509|tls: failed/i, { code: "tls", hint: "the server does not trust that server's certificate" }],
  [
    /requested image couldn't be found/i,
    {
      code: "missing",
      hint: 'the server keeps the index of a remote for an hour: apply again later, or say mode = "relay"',
    },
  ],
  [
    /metadata tarball is missing|Unsupported compression|unexpected EOF/i,
    { code: "refused", hint: "is it an image for Incus? A bare disk is qcow2, raw or squashfs" },
  ],
  [
    /cluster member|any online member|(server|instance|source) is currently offline/i,
    {
      code: "refused",
      hint: "a member of the cluster is away: `incus cluster list` shows which; apply again when it is back",
    },
  ],
  [
    /Unable to connect to: /i,
    { hint: "the server cannot reach that address: a remote of it, or a member of its cluster (`incus cluster list`)" },
  ],
  [
    /Certificate is restricted|not authorized for project|restricted client/i,
    { code: "denied", hint: "the certificate may see some projects only: set `project` to one of them" },
  ],
  [/Fetch project|Project not found/i, { code: "missing", hint: "there is no such project: check `project`" }],
];

function errorIn(body: string): string | undefined {
  try {
    const answer: unknown = JSON.parse(body);
    return isEnvelope(answer) && typeof answer.error === "string" && answer.error !== "" ? answer.error : undefined;
  } catch {
    return undefined;
  }
}
