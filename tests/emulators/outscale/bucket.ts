import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StoreKey } from "./store.ts";

export interface ObjectStoreOptions {
  /** Default "127.0.0.1". */
  readonly host?: string;
  /** Default any free one. */
  readonly port?: number;
  /** Who may read and write all buckets; default the keys of the emulator's own account. */
  readonly keys?: readonly StoreKey[];
  /** Buckets that are there from the start; default "images". */
  readonly buckets?: readonly string[];
}

/** An S3 server on a directory of its own; buckets are addressed by path. */
export interface RunningStore extends AsyncDisposable, StoreKey {
  readonly endpoint: string;
  readonly region: string;
  /** The process id, to look at its memory or to end it. */
  readonly pid: number;
  /** The keys of all objects of a bucket, in order, past the server. */
  objects(bucket: string): Promise<readonly string[]>;
  /** The ids of uploads that were neither completed nor aborted. */
  unfinished(bucket: string): Promise<readonly string[]>;
}

/** What the process is told. */
export interface ServerSettings {
  readonly host: string;
  readonly port: number;
  readonly directory: string;
  readonly buckets: readonly string[];
  readonly keys: readonly StoreKey[];
}

/** Keys of the examples that the signature's authors publish. */
export const exampleKey: StoreKey = {
  accessKey: "AKIAIOSFODNN7EXAMPLE",
  secretKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
};

/** Starts the object store in a process of its own; disposing ends it and removes its directory. */
export async function startObjectStore(options: ObjectStoreOptions = {}): Promise<RunningStore> {
  const host = options.host ?? "127.0.0.1";
  const directory = await mkdtemp(join(tmpdir(), "object-store-"));
  const keys = options.keys ?? [exampleKey];
  const settings: ServerSettings = {
    host,
    port: options.port ?? 0,
    directory,
    buckets: options.buckets ?? ["images"],
    keys,
  };
  const child = Bun.spawn([process.execPath, `${import.meta.dir}/bucket-server.ts`], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const stop = async () => {
    child.kill();
    await child.exited;
    await rm(directory, { recursive: true, force: true });
  };
  try {
    child.stdin.write(`${JSON.stringify(settings)}\n`);
    await child.stdin.flush();
    const port = await portOf(child.stdout);
    return {
      ...(keys[0] ?? exampleKey),
      endpoint: `http://${host}:${port}`,
      region: "eu-west-2",
      pid: child.pid,
      objects: async (bucket) => await objects(join(directory, bucket)),
      unfinished: async (bucket) => await readdir(join(directory, bucket, `${MARK}uploads`)).catch(() => []),
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Ends the names of the files in which the server keeps things. */
const MARK = "._S3rver_";

async function objects(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory, { recursive: true }).catch(() => []);
  const suffix = `${MARK}object`;
  return names.flatMap((name) => (name.endsWith(suffix) ? [name.slice(0, -suffix.length)] : [])).sort();
}

async function portOf(output: ReadableStream<Uint8Array>): Promise<number> {
  let text = "";
  for await (const chunk of output) {
    text += new TextDecoder().decode(chunk);
    if (text.includes("\n")) break;
  }
  const told: { readonly port?: unknown } = JSON.parse(text === "" ? "{}" : text);
  if (typeof told.port !== "number") throw new Error("the object store did not start");
  return told.port;
}
