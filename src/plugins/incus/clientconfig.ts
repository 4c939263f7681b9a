import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Failure, type Host, homeOf } from "images";
import * as t from "typanion";
import { parse } from "yaml";

const more = { extra: t.isUnknown() };
const isRemote = t.isObject(
  {
    addr: t.isOptional(t.isString()),
    addrs: t.isOptional(t.isArray(t.isString())),
    protocol: t.isOptional(t.isString()),
    project: t.isOptional(t.isString()),
    auth_type: t.isOptional(t.isString()),
    public: t.isOptional(t.isBoolean()),
  },
  more,
);
const isConfig = t.isObject(
  {
    "default-remote": t.isOptional(t.isString()),
    remotes: t.isOptional(t.isNullable(t.isRecord(isRemote))),
  },
  more,
);

/** A remote as the incus client's configuration has it. */
export interface KnownRemotes {
  readonly name: string;
  /** Where it is: of several the one that answers first is taken. */
  readonly addresses: readonly string[];
  readonly protocol: "incus" | "simplestreams" | "oci";
  readonly project?: string;
}

interface Read {
  readonly first: string | undefined;
  readonly remotes: ReadonlyMap<string, KnownRemotes>;
}

/** The remotes that the incus client has without any configuration. */
const BUILT_IN: readonly KnownRemotes[] = [
  { name: "images", addresses: ["https://images.linuxcontainers.org"], protocol: "simplestreams" },
  { name: "local", addresses: ["unix://"], protocol: "incus" },
];

/** The configuration directory of the incus client: config.yml, client.crt, client.key, servercerts. Only read. */
export class ClientConfig {
  readonly #directory: string;
  readonly #host: Pick<Host, "directory" | "env">;
  #read: Promise<Read> | undefined;

  constructor(written: string | undefined, host: Pick<Host, "directory" | "env">) {
    const { env } = host;
    const home = homeOf(env);
    const usual = join(env["XDG_CONFIG_HOME"] || join(home, ".config"), "incus");
    const named = written ?? (env["INCUS_CONF"] || undefined);
    this.#host = host;
    this.#directory = named === undefined ? usual : this.absolute(named);
  }

  /** A path as it was written in images.toml. */
  absolute(path: string): string {
    const home = homeOf(this.#host.env);
    return resolve(this.#host.directory, path.replace(/^file:(\/\/(?=\/))?/, "").replace(/^~(?=\/|$)/, home));
  }

  /** PEM as it is, or what the file of that path holds. @throws Failure config.value */
  async pem(written: string, setting: string): Promise<string> {
    if (written.includes("-----BEGIN")) return written;
    const path = this.absolute(written);
    try {
      return await readFile(path, "utf8");
    } catch (cause) {
      throw new Failure("config.value", `${path} cannot be read`, { cause, hint: `\`${setting}\` names it` });
    }
  }

  /** A file of the directory; undefined when there is none. */
  async file(...parts: readonly string[]): Promise<string | undefined> {
    return await readFile(join(this.#directory, ...parts), "utf8").catch((thrown: unknown) => {
      if (thrown instanceof Error && "code" in thrown && (thrown.code === "ENOENT" || thrown.code === "ENOTDIR"))
        return undefined;
      throw new Failure("config.value", `${join(this.#directory, ...parts)} cannot be read`, {
        cause: thrown,
        hint: "`config` is the directory of the incus client",
      });
    });
  }

  /** The certificate that the client pinned for a remote. */
  async serverCertificate(remote: string): Promise<string | undefined> {
    return await this.file("servercerts", `${remote}.crt`);
  }

  async first(): Promise<string | undefined> {
    return (await this.#known()).first;
  }

  /** @throws Failure config.value, when there is no such remote */
  async remote(name: string): Promise<KnownRemotes> {
    const { remotes } = await this.#known();
    const found = remotes.get(name);
    if (found !== undefined) return found;
    throw new Failure("config.value", `there is no remote ${JSON.stringify(name)}`, {
      hint: `add one with: incus remote add; known in ${this.#directory}: ${[...remotes.keys()].sort().join(", ")}`,
    });
  }

  #known(): Promise<Read> {
    this.#read ??= this.#load();
    return this.#read;
  }

  async #load(): Promise<Read> {
    const remotes = new Map(BUILT_IN.map((one) => [one.name, one]));
    const text = await this.file("config.yml");
    if (text === undefined) return { first: undefined, remotes };
    const read: unknown = parsedYaml(text, this.#directory);
    if (!isConfig(read))
      throw new Failure("config.value", `${join(this.#directory, "config.yml")} is not an incus client configuration`, {
        hint: "`config` is its directory",
      });
    for (const [name, { addr, addrs, protocol, project }] of Object.entries(read.remotes ?? {})) {
      const addresses = [...new Set([...(addr === undefined ? [] : [addr]), ...(addrs ?? [])])];
      if (addresses.length === 0) continue;
      const kind = protocol === "simplestreams" || protocol === "oci" ? protocol : "incus";
      remotes.set(name, { name, addresses, protocol: kind, ...(project === undefined ? {} : { project }) });
    }
    return { first: read["default-remote"], remotes };
  }
}

function parsedYaml(text: string, directory: string): unknown {
  try {
    return parse(text);
  } catch (cause) {
    throw new Failure("config.value", `${join(directory, "config.yml")} is not YAML`, { cause });
  }
}
