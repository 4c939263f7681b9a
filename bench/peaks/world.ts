import { mkdir, open, rm, symlink, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { AWS, versitygw } from "../../tests/core/store/servers.ts";
import { bucketNamed } from "../../tests/plugins/s3/kit.ts";
import { type Took, took } from "../measure.ts";
import type { Form } from "./forms.ts";

const IMAGES = resolve("dist/images");
const MiB = 1 << 20;

/** Where the images go. */
export type DownloadSink = "local" | "glance" | "incus" | "s3";

/** How one apply is made. */
export interface Run {
  readonly form: Form;
  readonly to: string;
  readonly count: number;
  readonly via: "file" | "HTTP" | "HTTP without a cache";
  readonly sink: DownloadSink;
}

/** Files of one disk, a server that gives them, and backends that take them. */
export class PeakWorld implements AsyncDisposable {
  readonly #at: string;
  readonly #server: Bun.Subprocess;
  readonly #url: string;
  #s3: Awaited<ReturnType<typeof versitygw>> | undefined;

  private constructor(at: string, server: Bun.Subprocess, url: string) {
    this.#at = at;
    this.#server = server;
    this.#url = url;
  }

  static async begin(at: string, size: number, kind: "noise" | "mixed"): Promise<PeakWorld> {
    await makeDisk(join(at, "disk.raw"), size, kind);
    const server = Bun.spawn([process.execPath, join(import.meta.dir, "sinks.ts"), at], { stdout: "pipe" });
    const { value } = await server.stdout.getReader().read();
    return new PeakWorld(at, server, new TextDecoder().decode(value).trim());
  }

  /** Makes the disk into this form. */
  async make({ make }: Form): Promise<void> {
    await rm(join(this.#at, "form"), { force: true });
    await took(make(join(this.#at, "disk.raw"), join(this.#at, "form")), this.#at);
  }

  /** What one apply took. */
  async apply({ form, to, count, via, sink }: Run): Promise<Took> {
    const directory = join(this.#at, "run");
    await mkdir(directory);
    const options = sink === "glance" ? `disk_format = "${to}"` : sink === "incus" ? "vm = true" : `format = "${to}"`;
    const blocks = Array.from({ length: count }, (_, index) => {
      const place = via === "file" ? `file = "./from${index}"` : `url = "${this.#url}/${index}"`;
      return `[image.i${index}]\nsource = { ${place}${form.source ?? ""} }\n${options}\n`;
    });
    for (let index = 0; index < count; index += 1)
      await symlink(join(this.#at, "form"), join(directory, `from${index}`));
    const top = `[settings]\nname = "bench"\nparallelism = 8\n[backend.x]\nparallelism = 8\n${await this.#settings(sink)}`;
    await writeFile(join(directory, "images.toml"), top + blocks.join(""));
    const [scratch, cache] = [this.#at, join(this.#at, "cache")];
    const past = via === "HTTP without a cache" ? { IMAGES_CACHE_MAX: "0" } : {};
    const env = {
      TMPDIR: scratch,
      IMAGES_CACHE: cache,
      XDG_CACHE_HOME: cache,
      HOME: directory,
      PW: "pw",
      ...AWS,
      ...past,
    };
    try {
      return await took([IMAGES, "apply", "--yes"], directory, { ...env, AWS_EC2_METADATA_DISABLED: "true" });
    } finally {
      await rm(directory, { recursive: true });
      await rm(cache, { recursive: true, force: true });
      // With its bucket: those of all runs would fill the memory of the machine.
      await this.#s3?.[Symbol.asyncDispose]();
      this.#s3 = undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.kill();
    await this.#server.exited;
    await this.#s3?.[Symbol.asyncDispose]();
  }

  async #settings(sink: DownloadSink): Promise<string> {
    if (sink === "local") return 'plugin = "local"\npath = "./store"\n';
    if (sink === "incus") return `plugin = "incus"\nsocket = "${join(this.#at, "socket")}"\n`;
    if (sink === "glance")
      return `plugin = "openstack"\nauth_url = "${this.#url}"\nusername = "ann"\npassword = "env:PW"\nproject_id = "p1"\nregion = "One"\n`;
    this.#s3 ??= await versitygw();
    const bucket = `peaks-${crypto.randomUUID().slice(0, 8)}`;
    await bucketNamed(this.#s3.url, bucket);
    return `plugin = "s3"\npath = "s3://${bucket}/store"\nendpoint = "${this.#s3.url}"\n`;
  }
}

/** `noise`: nothing repeats, so that every buffer is filled. `mixed`: a third holes, the rest half noise and half text. */
async function makeDisk(path: string, size: number, kind: "noise" | "mixed"): Promise<void> {
  const noise = crypto.getRandomValues(new Uint8Array(65536)).map((byte) => byte | 1);
  const file = await open(path, "wx");
  const piece = new Uint8Array(MiB);
  for (let at = 0; at < size; at += MiB) {
    const part = kind === "noise" ? 1 : (at / MiB) % 3;
    if (part === 0) continue;
    if (part === 1) for (let place = 0; place < MiB; place += noise.length) piece.set(noise, place);
    else piece.set(new TextEncoder().encode(`line ${at}\n`.repeat(MiB / 10)).subarray(0, MiB));
    new DataView(piece.buffer).setFloat64(0, at + 1);
    await file.write(piece, 0, MiB, at);
  }
  await file.truncate(size);
  await file.close();
}
