import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";

// The programs that the race is run against: found, or installed from Debian or with Go, or a reason why not.

/** Where a program comes from: its package in Debian, the module that Go builds it of, or the script of tests/live that starts its server. */
interface Origin {
  readonly debian?: string;
  readonly go?: string;
  readonly up?: string;
  /** The variable that may say where it is. */
  readonly path?: string;
}

const TOOLS: Readonly<Record<string, Origin>> = {
  bzip2: { debian: "bzip2" },
  curl: { debian: "curl" },
  gzip: { debian: "gzip" },
  hyperfine: { debian: "hyperfine" },
  // On Debian 12 in its backports only, which the script knows.
  incus: { up: "incus-up" },
  openssl: { debian: "openssl" },
  openstack: { debian: "python3-openstackclient" },
  pigz: { debian: "pigz" },
  "qemu-img": { debian: "qemu-utils" },
  sha256sum: { debian: "coreutils" },
  // Not in Debian, and its own registry is not asked for: it has to be on the machine.
  terraform: {},
  "terraform-provider-openstack": {
    go: "github.com/terraform-provider-openstack/terraform-provider-openstack/v3@v3.4.0",
    path: "IMAGES_TERRAFORM_PROVIDER",
  },
  time: { debian: "time" },
  xz: { debian: "xz-utils" },
  zstd: { debian: "zstd" },
};

export const NAMES = Object.keys(TOOLS);

/** Where each program is, or why it is not to be had. */
export class Tools {
  readonly #found = new Map<string, string>();
  readonly #missing = new Map<string, string>();
  readonly mayInstall: boolean;

  constructor(mayInstall: boolean) {
    this.mayInstall = mayInstall;
  }

  /** Looks for these, and installs what is missing if it may. */
  async want(names: readonly string[]): Promise<void> {
    for (const name of names) {
      if (this.#found.has(name) || this.#missing.has(name)) continue;
      const path = locate(name) ?? (this.mayInstall ? await install(name) : undefined);
      if (path === undefined)
        this.#missing.set(name, `${name} is not installed${this.mayInstall ? "" : " (--no-install)"}`);
      else this.#found.set(name, path);
    }
  }

  /** Why these cannot be used; undefined if all are there. */
  lacks(names: readonly string[]): string | undefined {
    const reasons = names.flatMap((name) => this.#missing.get(name) ?? []);
    return reasons.length === 0 ? undefined : reasons.join(", ");
  }

  path(name: string): string {
    const path = this.#found.get(name);
    if (path === undefined) throw new Error(this.#missing.get(name) ?? `${name} was not looked for`);
    return path;
  }

  /** What the programs say of their versions, one line each. */
  async versions(): Promise<Readonly<Record<string, string>>> {
    const known = [...this.#found].filter(([name]) => name !== "terraform-provider-openstack" && name !== "time");
    const all = known.map(async ([name, path]) => {
      const child = Bun.spawn([path, name === "openssl" ? "version" : "--version"], {
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
      });
      const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
      return [name, /\d+\.\d[\w.+~-]*/.exec(`${out}${err}`)?.[0] ?? "?"] as const;
    });
    const provider = this.#found.has("terraform-provider-openstack") ? { "terraform-provider-openstack": "3.4.0" } : {};
    return { ...Object.fromEntries(await Promise.all(all)), ...provider };
  }
}

/** Where programs that were built for the race are kept for the next time. */
const kept = (): string => join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "images-bench");

function locate(name: string): string | undefined {
  const { path } = TOOLS[name] ?? {};
  const named = path === undefined ? undefined : process.env[path];
  return (
    named ??
    Bun.which(name) ??
    Bun.which(name, {
      PATH: [kept(), join(tmpdir(), "images-live-tools"), join(homedir(), "go/bin"), "/usr/sbin", "/sbin"].join(":"),
    }) ??
    undefined
  );
}

async function install(name: string): Promise<string | undefined> {
  const { debian, go, up } = TOOLS[name] ?? {};
  console.error(`race: installing ${name}`);
  const isDebian = Bun.which("apt-get") !== null && process.getuid?.() === 0;
  if (debian !== undefined && isDebian) {
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    await succeeded(["apt-get", "-y", "-q", "-o", "DPkg::Lock::Timeout=300", "install", debian], env);
  }
  if (up !== undefined && isDebian) {
    const directory = await mkdtemp(join(tmpdir(), "images-bench-up-"));
    const env = { ...process.env, INCUS_UP_ONLY: "packages" };
    await succeeded(["bash", join(import.meta.dir, "../../tests/live", up), directory], env);
    await rm(directory, { recursive: true, force: true });
  }
  if (go !== undefined && Bun.which("go") !== null) {
    await mkdir(kept(), { recursive: true });
    await succeeded(["go", "install", go], { ...process.env, GOBIN: kept() });
  }
  return locate(name);
}

async function succeeded(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): Promise<boolean> {
  const child = Bun.spawn([...argv], { env, stdin: "ignore", stdout: "ignore", stderr: "ignore" });
  return (await child.exited) === 0;
}

/** The configuration of terraform that takes the provider from where it is, so that no registry is asked. */
export const overrides = (provider: string): string =>
  `provider_installation {\n  dev_overrides { "terraform-provider-openstack/openstack" = "${dirname(provider)}" }\n  direct {}\n}\n`;
