import type { Host } from "images";
import type { ClientConfig } from "./clientconfig.ts";

export interface Identity {
  readonly cert?: string;
  readonly key?: string;
}

/** The client certificate that we show: the one that is set, else that of the incus client, else none. */
export async function identityOf(
  { cert, key }: { readonly cert?: string; readonly key?: string },
  { files, host }: { readonly files: ClientConfig; readonly host: Host; readonly fresh: boolean },
): Promise<Identity> {
  const pem = cert === undefined ? await files.file("client.crt") : await files.pem(cert, "cert");
  const secret = key ?? (await files.file("client.key"));
  if (secret !== undefined) host.conceal(secret);
  if (pem === undefined || secret === undefined) return {};
  return { cert: pem, key: secret };
}
