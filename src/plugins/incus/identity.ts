import { readFile, rename, writeFile } from "node:fs/promises";
import { hostname, userInfo } from "node:os";
import { join } from "node:path";
import type { Host } from "images";
import { selfSigned } from "./certificate.ts";
import type { ClientConfig } from "./clientconfig.ts";

interface ServerIdentity {
  readonly cert?: string;
  readonly key?: string;
}

/**
 * The client certificate that we show: the one that is set, else that of the incus client, else none. `fresh`: there is a trust token, so
 * one of our own is made where there is none, and kept for the next run.
 */
export async function identityOf(
  { cert, key }: { readonly cert?: string; readonly key?: string },
  { files, host, fresh }: { readonly files: ClientConfig; readonly host: Host; readonly fresh: boolean },
): Promise<ServerIdentity> {
  const pem = cert === undefined ? await files.file("client.crt") : await files.pem(cert, "cert");
  const secret = key ?? (await files.file("client.key"));
  const found = pem === undefined || secret === undefined ? await ofOurOwn(host, fresh) : { cert: pem, key: secret };
  if (found.key !== undefined) host.maskSecret(found.key);
  return found;
}

async function ofOurOwn(host: Host, fresh: boolean): Promise<ServerIdentity> {
  const path = join(await host.scratch(), "incus-client.pem");
  const before = await readFile(path, "utf8").catch(() => undefined);
  if (before !== undefined) return apart(before);
  if (!fresh) return {};
  const made = selfSigned(`${userInfo().username}@${hostname()}`, new Date());
  const temporary = `${path}.${process.pid}`;
  await writeFile(temporary, made.key + made.cert, { mode: 0o600 });
  await rename(temporary, path);
  return made;
}

const apart = (text: string): ServerIdentity => {
  const at = text.indexOf("-----BEGIN CERTIFICATE-----");
  return at < 0 ? {} : { key: text.slice(0, at), cert: text.slice(at) };
};
