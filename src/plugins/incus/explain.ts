import type { ErrorDetails } from "images";
import { isEnvelope } from "./wire.ts";

/** What an answer that is no success says. */
export function explain({
  status,
  body,
}: {
  readonly status: number;
  readonly body: string;
}): ErrorDetails | undefined {
  const message = errorIn(body);
  if (status === 403)
    return {
      ...(message === undefined ? {} : { message }),
      code: "denied",
      hint: "the certificate is not trusted for this project or operation: check `project`; get a `token` with `incus config trust add` on the server",
    };
  return message === undefined ? undefined : { message, ...known(message) };
}

/** What errors of operations and answers mean, in our words. */
export function known(message: string): Pick<ErrorDetails, "code" | "hint"> {
  const found = KNOWN.find(([pattern]) => pattern.test(message));
  return found === undefined ? {} : found[1];
}

const KNOWN: readonly (readonly [RegExp, Pick<ErrorDetails, "code" | "hint">])[] = [
  [/exceed(s|ing).*(quota|budget|bugdget)/i, { code: "limits", hint: "the limits.disk of the project is exhausted" }],
  [/Profile .* doesn't exist/i, { code: "refused", hint: "create the profile, or use another one in `profiles`" }],
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
    { code: "refused", hint: "check that it is an image for Incus; a bare disk is qcow2, raw or squashfs" },
  ],
  [
    /cluster member|any online member|(server|instance|source) is currently offline/i,
    {
      code: "refused",
      hint: "a member of the cluster is offline (see `incus cluster list`): apply again when it is back",
    },
  ],
  [
    /Unable to connect to: /i,
    { hint: "the server cannot reach that address of a remote or of a cluster member (`incus cluster list`)" },
  ],
  [
    /Certificate is restricted|not authorized for project|restricted client/i,
    { code: "denied", hint: "the certificate is restricted to some projects: set `project` to one of them" },
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
