/** What a configuration file says of one user. */
interface LinodeProfile {
  readonly token: string;
  readonly url?: string;
  readonly version?: string;
}

type FoundProfile =
  | ({ readonly kind: "found" } & LinodeProfile)
  | { readonly kind: "none"; readonly name: string; readonly names: readonly string[] };

type Sections = ReadonlyMap<string, ReadonlyMap<string, string>>;

/**
 * One profile of a configuration file: of linode-cli (`[DEFAULT] default-user`, and a section with `token` for each user), or of the Go
 * client (sections with `linode_api_token`, `linode_api_url`, `linode_api_version`, each standing on `[default]`). Names of sections
 * are compared without case, as the Go client does.
 */
export function readProfile(text: string, wanted: string | undefined): FoundProfile {
  const sections = sectionsOf(text);
  const name = wanted ?? sections.get("default")?.get("default-user") ?? "default";
  const own = sections.get(name.toLowerCase());
  const value = (...keys: readonly string[]): string | undefined =>
    [own, sections.get("default")].flatMap((pairs) => keys.map((key) => pairs?.get(key))).find((one) => one);
  const token = value("linode_api_token", "token");
  if (own === undefined || token === undefined) {
    const names = [...sections].flatMap(([other, pairs]) =>
      pairs.has("token") || pairs.has("linode_api_token") ? [other] : [],
    );
    return { kind: "none", name, names };
  }
  const host = value("api_host");
  const url =
    value("linode_api_url", "api_url") ??
    (host === undefined ? undefined : `${value("api_scheme") ?? "https"}://${host}`);
  const version = value("linode_api_version", "api_version");
  return { kind: "found", token, ...(url === undefined ? {} : { url }), ...(version === undefined ? {} : { version }) };
}

/** An INI file; what stands before the first section is in the default one. */
function sectionsOf(text: string): Sections {
  const sections = new Map<string, Map<string, string>>();
  let section = "default";
  for (const line of text.replace(/^\uFEFF/, "").split(/\r?\n/)) {
    const header = /^\s*\[(.*)\]\s*$/.exec(line)?.[1];
    if (header !== undefined) section = header.trim().toLowerCase();
    const pairs = sections.get(section) ?? new Map<string, string>();
    sections.set(section, pairs);
    const [, key, value] = header === undefined ? (/^\s*([^#;=:\s][^=:]*?)\s*[=:]\s*(.*?)\s*$/.exec(line) ?? []) : [];
    if (key !== undefined && value !== undefined) pairs.set(key.toLowerCase(), value.replace(/^(["'])(.*)\1$/, "$2"));
  }
  return sections;
}
