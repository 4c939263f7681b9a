import { expect } from "bun:test";
import { chmod, mkdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type ProgramResult, run, TestDirectory } from "../harness.ts";

/** What incus-up wrote of its servers. */
export interface Facts {
  readonly main: { readonly url: string; readonly socket: string; readonly certificate: string };
  readonly remote: { readonly url: string; readonly socket: string; readonly certificate: string };
  readonly images: { readonly url: string; readonly ca: string; readonly add_version: string; readonly forget: string };
  readonly client: { readonly certificate: string; readonly key: string };
  readonly restricted: { readonly certificate: string; readonly key: string };
  readonly stranger: { readonly certificate: string; readonly key: string };
}

// biome-ignore lint/suspicious/noExplicitAny: what a server answers, looked into by the tests themselves
export type Json = any;

/** The directory that incus-up was given: INCUS_LIVE. Undefined: there are no servers to test with. */
export const DIR = process.env["INCUS_LIVE"];

export async function facts(): Promise<Facts> {
  return JSON.parse(await readFile(join(DIR ?? "", "facts.json"), "utf8"));
}

export const bytesOf = async (name: string): Promise<Uint8Array> => await readFile(join(DIR ?? "", "img", name));

/** The daemon's own answer to a request over its socket: another way than the plugin's. @throws when it is an error */
export async function api(socket: string, method: string, path: string, body?: unknown): Promise<Json> {
  const answer = await fetch(`http://incus${path}`, {
    unix: socket,
    method,
    ...(body === undefined ? {} : { body: body instanceof Uint8Array ? body : JSON.stringify(body) }),
  });
  const said: Json = await answer.json();
  if (said.type === "error") throw new Error(`${method} ${path}: ${said.error}`);
  if (said.type !== "async") return said.metadata;
  const done: Json = await (
    await fetch(`http://incus${said.operation.replace(/(\?|$)/, "/wait$1")}`, { unix: socket })
  ).json();
  if (done.type === "error") throw new Error(`${method} ${path}: ${done.error}`);
  return done.metadata.metadata;
}

/** A tarball that Incus takes as an image, another one for each `serial`. */
export const unified = async (serial: string, size = 0): Promise<Uint8Array> =>
  await tarball(`properties:\n  os: Test\n  serial: ${JSON.stringify(serial)}\n`, serial, size);

/** The same, with these lines at the end of its metadata. */
export async function tarball(metadata: string, serial: string, size = 0): Promise<Uint8Array> {
  const archive = new Bun.Archive({
    "metadata.yaml": `architecture: x86_64\ncreation_date: 1700000000\n${metadata}`,
    "rootfs/etc/hostname": serial,
    ...(size === 0 ? {} : { "rootfs/large": crypto.getRandomValues(new Uint8Array(Math.min(size, 65_536))) }),
  });
  return new Uint8Array(await archive.bytes());
}

let count = 0;
/** A project of one's own, with images of its own. */
export async function project(socket: string): Promise<{ readonly name: string } & AsyncDisposable> {
  const name = `t${process.pid}-${++count}`;
  await api(socket, "POST", "/1.0/projects", {
    name,
    config: { "features.images": "true", "features.profiles": "false" },
  });
  return {
    name,
    async [Symbol.asyncDispose]() {
      for (const one of await api(socket, "GET", `/1.0/images?project=${name}&recursion=1`))
        await api(socket, "DELETE", `/1.0/images/${one.fingerprint}?project=${name}`).catch(() => undefined);
      await api(socket, "DELETE", `/1.0/projects/${name}`);
    },
  };
}

/** A project of one's own on `main`, reached over its socket, with a directory for images.toml. */
export class Lab implements AsyncDisposable {
  readonly directory: TestDirectory;
  readonly project: Awaited<ReturnType<typeof project>>;
  settings: string;

  readonly #facts: Facts;
  /** What the program sees of the surroundings. */
  env: Readonly<Record<string, string>>;

  private constructor(directory: TestDirectory, own: Awaited<ReturnType<typeof project>>, known: Facts) {
    this.directory = directory;
    this.project = own;
    this.#facts = known;
    this.settings = `socket = "${known.main.socket}"\nconfig = "${DIR}/conf"\nproject = "${own.name}"\n`;
    this.env = { SSL_CERT_FILE: known.images.ca };
  }
  static async open(): Promise<Lab> {
    const known = await facts();
    return new Lab(await TestDirectory.make(), await project(known.main.socket), known);
  }
  async declare(blocks: string): Promise<void> {
    await this.directory.write("images.toml", `[backend.lab]\nplugin = "incus"\n${this.settings}\n${blocks}`);
  }
  run(...args: readonly string[]): Promise<ProgramResult> {
    return run(this.directory, args, { env: this.env });
  }
  async apply(...args: readonly string[]): Promise<string> {
    const said = await this.run("apply", "--yes", ...args);
    if (said.code !== 0) throw new Error(said.stderr + said.stdout);
    return said.stdout + said.stderr;
  }
  /** The law: nothing is left to do. */
  async settled(): Promise<void> {
    const said = await this.run("plan", "--detailed-exitcode");
    if (said.code !== 0) throw new Error(`not settled (${said.code}): ${said.stdout}${said.stderr}`);
  }
  async images(): Promise<readonly Json[]> {
    return await api(this.#facts.main.socket, "GET", `/1.0/images?project=${this.project.name}&recursion=1`);
  }
  /** The only image. */
  async one(): Promise<Json> {
    const [found, ...more] = await this.images();
    expect(more).toEqual([]);
    return found;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.project[Symbol.asyncDispose]();
    await this.directory[Symbol.asyncDispose]();
  }
}

export const names = (image: Json): string[] => image.aliases.map(({ name }: Json) => name).sort();

/** Kills the daemon that is managed, and starts it again. */
export async function restart(): Promise<void> {
  process.kill(Number(await Bun.file(`${DIR}/run/main.pid`).text()), "SIGKILL");
  const up = Bun.spawn(["bash", resolve("tests/live/incus-up"), DIR ?? ""], { stdout: "ignore", stderr: "ignore" });
  expect(await up.exited).toBe(0);
}

/** The smallest program that waits for ever, for x86_64: what an instance needs to run. */
function waiter(): Uint8Array {
  const code = [0xb8, 0x22, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7];
  const bytes = new Uint8Array(120 + code.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  const [base, length] = [0x400000n, BigInt(bytes.length)];
  view.setUint32(16, (62 << 16) | 2, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, base + 120n, true);
  view.setBigUint64(32, 64n, true);
  view.setUint32(52, (56 << 16) | 64, true);
  view.setUint16(56, 1, true);
  view.setUint32(64, 1, true);
  view.setUint32(68, 5, true);
  for (const [at, value] of [
    [80, base],
    [88, base],
    [96, length],
    [104, length],
    [112, 4096n],
  ] as const)
    view.setBigUint64(at, value, true);
  bytes.set(code, 120);
  return bytes;
}

/** An instance of the default project that runs; deleted in the end. */
export async function running(socket: string, name: string, ephemeral = false): Promise<AsyncDisposable> {
  const directory = await TestDirectory.make();
  await directory.write("metadata.yaml", "architecture: x86_64\ncreation_date: 1700000000\nproperties: {}\n");
  for (const path of ["sbin", "etc", "dev", "proc", "sys"])
    await mkdir(directory.at("rootfs", path), { recursive: true });
  await directory.write("rootfs/sbin/init", waiter());
  await directory.write("rootfs/etc/hostname", name);
  await chmod(directory.at("rootfs/sbin/init"), 0o755);
  const tar = Bun.spawnSync(["tar", "-C", directory.path, "-cf", directory.at("image.tar"), "metadata.yaml", "rootfs"]);
  expect(tar.exitCode).toBe(0);
  const { fingerprint } = await api(socket, "POST", "/1.0/images", await Bun.file(directory.at("image.tar")).bytes());
  await api(socket, "POST", "/1.0/instances", { name, ephemeral, source: { type: "image", fingerprint } });
  const instance = {
    async [Symbol.asyncDispose]() {
      await api(socket, "PATCH", `/1.0/instances/${name}`, { ephemeral: false }).catch(() => undefined);
      await api(socket, "PUT", `/1.0/instances/${name}/state`, { action: "stop", force: true }).catch(() => undefined);
      await api(socket, "DELETE", `/1.0/instances/${name}`);
      await api(socket, "DELETE", `/1.0/images/${fingerprint}`);
      await directory[Symbol.asyncDispose]();
    },
  };
  try {
    await api(socket, "PUT", `/1.0/instances/${name}/state`, { action: "start", timeout: 30 });
  } catch (thrown) {
    await instance[Symbol.asyncDispose]();
    throw thrown;
  }
  return instance;
}

/** Why no container can be started on this machine (it may lack namespaces or cgroups); empty where one can. */
export async function cannotRun(socket: string): Promise<string> {
  try {
    await using _ = await running(socket, "probe");
    return "";
  } catch (thrown) {
    return ` (skipped: no container starts on this machine: ${String(thrown).slice(0, 200)})`;
  }
}
