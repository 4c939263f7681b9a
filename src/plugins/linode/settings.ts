import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type Desired, Failure, type Host, homeOf } from "images";
import { readProfile } from "./profile.ts";
import type { LinodeConfig } from "./schema.ts";

/** What a client to the API is opened with. */
interface LinodeAccess {
  /** With the version: https://api.linode.com/v4. */
  readonly url: string;
  readonly token: string;
}

const DEFAULT_URL = "https://api.linode.com";

/**
 * What the settings say, then the environment, then a configuration file. A file or profile that is named in the settings goes before
 * LINODE_TOKEN: who names one means it.
 * @throws Failure config.secret, config.value
 */
export async function accessOf(
  written: Desired<LinodeConfig>,
  host: Pick<Host, "backend" | "directory" | "env">,
): Promise<LinodeAccess> {
  const { env } = host;
  const isNamed = written.config !== undefined || written.profile !== undefined;
  const given = written.token ?? (isNamed ? undefined : said(env["LINODE_TOKEN"]));
  const file = given !== undefined && !isNamed ? undefined : await fileOf(written, host);
  const token = given ?? file?.token;
  if (token === undefined)
    throw new Failure("config.secret", `there is no token for ${host.backend}`, {
      hint: 'write token = "env:LINODE_TOKEN", or set LINODE_TOKEN, or run linode-cli configure',
    });
  const url = written.url ?? said(env["LINODE_URL"]) ?? file?.url ?? DEFAULT_URL;
  const version = written.api_version ?? versionOf(env["LINODE_API_VERSION"]) ?? versionOf(file?.version);
  return { token, url: versioned(url, version) };
}

const said = (text: string | undefined): string | undefined => (text?.trim() ? text.trim() : undefined);

function versionOf(text: string | undefined): string | undefined {
  const version = said(text);
  if (version === undefined || version === "v4" || version === "v4beta") return version;
  throw new Failure("config.value", `unknown Linode API version ${JSON.stringify(version)}`, {
    hint: "LINODE_API_VERSION, or the configuration file: v4 or v4beta",
  });
}

/** Some tools write the version into the URL, some leave out the scheme. */
function versioned(written: string, version: string | undefined): string {
  const full = (/^https?:\/\//i.test(written) ? written : `https://${written}`).replace(/\/+$/, "");
  const own = /\/(v4|v4beta)$/.exec(full)?.[1];
  return `${own === undefined ? full : full.slice(0, -own.length - 1)}/${version ?? own ?? "v4"}`;
}

/** The configuration file, where there is one. @throws Failure when one that was named is not there, or has no such profile */
async function fileOf({ config, profile }: Desired<LinodeConfig>, { directory, env }: Pick<Host, "directory" | "env">) {
  const home = homeOf(env);
  const wanted = profile ?? said(env["LINODE_PROFILE"]);
  const named = config ?? said(env["LINODE_CONFIG"]);
  const absolute = (path: string) => resolve(directory, path.replace(/^~(?=\/|$)/, home));
  const paths =
    named === undefined ? ["linode", "linode-cli"].map((name) => join(home, ".config", name)) : [absolute(named)];
  for (const path of paths) {
    const text = await readFile(path, "utf8").catch((cause: unknown) => {
      if (named === undefined) return undefined;
      const hint = config === undefined ? "check LINODE_CONFIG" : "check `config`";
      throw new Failure("config.value", `the configuration file ${path} cannot be read`, { cause, hint });
    });
    const found = text === undefined ? undefined : readProfile(text, wanted);
    if (found?.kind === "found") return found;
    if (found?.kind === "none" && (wanted !== undefined || named !== undefined))
      throw new Failure("config.value", `${path} has no profile ${JSON.stringify(found.name)} with a token`, {
        hint:
          found.names.length === 0 ? "create one with: linode-cli configure" : `there is: ${found.names.join(", ")}`,
      });
  }
  return undefined;
}
