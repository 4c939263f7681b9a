import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import type { HttpOptions } from "../../../src/core/net/client.ts";
import type { RequestTrace } from "../../../src/core/net/context.ts";
import { createHttpClient } from "../../../src/core/net/http.ts";
import { signedHeaders } from "../../../src/core/net/sign.ts";
import type { Timing } from "../../../src/core/store/s3/lease.ts";
import { parseS3 } from "../../../src/core/store/s3/location.ts";
import type { S3Context } from "../../../src/core/store/s3/objects.ts";
import { s3Storage } from "../../../src/core/store/s3/storage.ts";
import type { Storage } from "../../../src/core/store/storage.ts";
import { signal } from "./help.ts";

export const AWS = { AWS_ACCESS_KEY_ID: "AKIATEST", AWS_SECRET_ACCESS_KEY: "the-secret-of-tests" };

/** A real server that a test runs by itself; `url` is where it listens. */
export interface Server extends AsyncDisposable {
  readonly url: string;
  /** Kills it, and starts it again on the same port with the same data. */
  restart(): Promise<void>;
}

/**
 * A port for a server that cannot choose its own. It is below those that systems give to connections (32768 and up with Linux), so that
 * none of another test has it before the server is up, or while it starts again.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 20_000);
    const server = createServer();
    const isFree = await new Promise<boolean>((done) => {
      server.once("error", () => done(false));
      server.listen(port, "127.0.0.1", () => done(true));
    });
    if (!isFree) continue;
    await new Promise((done) => server.close(done));
    return port;
  }
}

/** Where a program of a test is, if it is installed: `go install` and pip put theirs outside of PATH. */
export const programAt = (name: string): string | undefined =>
  Bun.which(name) ??
  ["go/bin", ".local/bin", ".pyenv/shims"]
    .map((place) => join(homedir(), place, name))
    .concat(join("/usr/sbin", name))
    .find((path) => existsSync(path));

/** A server by a command, once something answers at its port. */
export async function running(
  command: (port: number, directory: string) => readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Server> {
  const directory = await mkdtemp(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "images-server-"));
  for (const name of ["data", "side"]) await mkdir(join(directory, name));
  const port = await freePort();
  const start = async () => {
    const words = command(port, join(directory, "data"));
    const options = { cwd: directory, env: { ...process.env, ...env } };
    const child = Bun.spawn([...words], { ...options, stdio: ["ignore", "ignore", "ignore"] });
    for (;;) {
      if (child.exitCode !== null) throw new Error(`${words[0]} ended with ${child.exitCode}`);
      const isThere = await fetch(`http://127.0.0.1:${port}/`).then(
        () => true,
        () => false,
      );
      if (isThere) return child;
      await Bun.sleep(20);
    }
  };
  let child = await start();
  const stop = async () => {
    child.kill("SIGKILL");
    await child.exited;
  };
  return {
    url: `http://127.0.0.1:${port}`,
    async restart() {
      await stop();
      child = await start();
    },
    async [Symbol.asyncDispose]() {
      await stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export async function versitygw(): Promise<Server> {
  const program = programAt("versitygw") ?? "versitygw";
  const options = ["--quiet", "--keep-alive", "--health", "/health"];
  return await running(
    (port, data) => [program, ...options, "--port", `127.0.0.1:${port}`, "posix", "--sidecar", side(data), data],
    { ROOT_ACCESS_KEY: AWS.AWS_ACCESS_KEY_ID, ROOT_SECRET_KEY: AWS.AWS_SECRET_ACCESS_KEY },
  );
}
const side = (data: string): string => join(data, "..", "side");

export async function moto(): Promise<Server> {
  const program = programAt("moto_server") ?? "moto_server";
  return await running((port) => [program, "-H", "127.0.0.1", "-p", `${port}`], {
    PYTHONPATH: join(import.meta.dir, "moto"),
    // Nothing is written beside the tests.
    PYTHONDONTWRITEBYTECODE: "1",
  });
}

export interface S3Kit extends AsyncDisposable {
  /** Every request that was made, "METHOD path status". */
  readonly requests: RequestTrace[];
  means(over?: Partial<S3Context>): S3Context;
  url(key: string, more?: string): string;
  open(url: string, timing?: Timing, over?: Partial<S3Context>): Storage;
}

export const BUCKET = "team-state";

/** What a test needs to open states in a bucket of a server. */
export function s3Kit(server: string): S3Kit {
  const stack = new AsyncDisposableStack();
  const requests: RequestTrace[] = [];
  const means = (over: Partial<S3Context> = {}): S3Context => ({
    env: { ...AWS, HOME: "/nonexistent", AWS_EC2_METADATA_DISABLED: "true" },
    maskSecret: () => undefined,
    open: (options) =>
      createHttpClient(options, {
        env: {},
        redact: (text) => text,
        maskSecret: () => undefined,
        onRequest: (traced) => requests.push(traced),
      }),
    ...over,
  });
  return {
    requests,
    means,
    url: (key, more = "") => `s3://${BUCKET}/${key}?endpoint=${encodeURIComponent(server)}${more}`,
    open(url, timing, over) {
      const { storage, close } = s3Storage(parseS3(url), means(over), timing);
      stack.use(close);
      return storage;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Makes the bucket of the tests. */
export async function makeBucket(server: string): Promise<void> {
  await using kit = s3Kit(server);
  const signer = {
    family: "AWS4",
    keys: { accessKey: AWS.AWS_ACCESS_KEY_ID, secretKey: AWS.AWS_SECRET_ACCESS_KEY },
    region: "us-east-1",
    service: "s3",
  } as const;
  const headers: HttpOptions["headers"] = (request) => signedHeaders(request, signer, new Date());
  await using http = kit.means().open({ url: server, headers });
  await (await http.send("PUT", `/${BUCKET}`, { signal, body: "", accept: [409] })).text();
}
