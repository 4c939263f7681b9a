import { type HttpOptions, type Signer, signedHeaders } from "images";
import { createHttpClient } from "../../../src/core/net/http.ts";
import { AWS } from "../../core/store/servers.ts";
import { relay } from "../../relay.ts";

/** A way to a server of this machine, which counts requests, and refuses them or cuts connections when a test says so. */
export interface Front extends AsyncDisposable {
  readonly url: string;
  requests(): number;
  /** "METHOD target" of each. */
  readonly asked: string[];
  connections(): number;
  /** The next `times` requests are answered with this status. */
  refuse(status: number, times: number): void;
  /** Requests that match get no answer, and do not arrive. */
  stall(pattern: RegExp | undefined): void;
  /** The bytes of requests may be changed on the way. */
  change(how: ((chunk: Buffer) => Buffer) | undefined): void;
  /** How likely an answer is lost: what was asked for has been done. */
  loses(share: number): void;
}

const REQUEST = /^([A-Z]+ \/\S*) HTTP\/1\.1\r$/gm;

export async function front(to: string): Promise<Front> {
  const asked: string[] = [];
  let refusing = { status: 0, times: 0 };
  let share = 0;
  let stalled: RegExp | undefined;
  let changed: ((chunk: Buffer) => Buffer) | undefined;
  const way = await relay(Number(new URL(to).port), {
    sent(chunk, from, on) {
      const found = chunk.includes(" HTTP/1.1\r")
        ? [...chunk.toString("latin1").matchAll(REQUEST)].map(([, line = ""]) => line)
        : [];
      asked.push(...found);
      if (found.length > 0 && refusing.times > 0) {
        refusing.times--;
        from.end(`HTTP/1.1 ${refusing.status} No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
        return;
      }
      if (found.some((line) => stalled?.test(line))) return void from.removeAllListeners("data").resume();
      on.write(changed === undefined ? chunk : changed(Buffer.from(chunk)));
    },
    got: (chunk, from, end) => (Math.random() < share ? end() : void from.write(chunk)),
  });
  return {
    url: `http://127.0.0.1:${way.port}`,
    asked,
    requests: () => asked.length,
    connections: way.connections,
    refuse(status, times) {
      refusing = { status, times };
    },
    stall(pattern) {
      stalled = pattern;
    },
    change(how) {
      changed = how;
    },
    loses(now) {
      share = now;
    },
    [Symbol.asyncDispose]: () => way[Symbol.asyncDispose](),
  };
}

const signal = new AbortController().signal;

/** What a test sees of a bucket, and does to it, with its own hands. */
export interface Hands extends AsyncDisposable {
  send(
    method: string,
    path: string,
    more?: { body?: string; query?: Record<string, string>; headers?: Record<string, string> },
  ): Promise<{ status: number; text: string; headers: Headers }>;
  keys(prefix?: string): Promise<string[]>;
  put(key: string, text: string): Promise<void>;
  text(key: string): Promise<string>;
  uploads(): Promise<string[]>;
}

export function hands(server: string, bucket: string): Hands {
  const signer: Signer = {
    family: "AWS4",
    keys: { accessKey: AWS.AWS_ACCESS_KEY_ID, secretKey: AWS.AWS_SECRET_ACCESS_KEY },
    region: "us-east-1",
    service: "s3",
  };
  const headers: HttpOptions["headers"] = (request) => signedHeaders(request, signer, new Date());
  const http = createHttpClient(
    { url: server, headers },
    { env: {}, redact: (text) => text, maskSecret: () => undefined },
  );
  const send: Hands["send"] = async (method, path, more = {}) => {
    const at = `/${bucket}${path === "" ? "" : `/${path}`}`;
    const answer = await http.send(method, at, { signal, accept: [404, 409, 412], ...more });
    return { status: answer.status, text: await answer.text(), headers: answer.headers };
  };
  const all = (text: string, name: string) =>
    [...text.matchAll(new RegExp(`<${name}>(.*?)</${name}>`, "gs"))].map(([, inner = ""]) => inner);
  return {
    send,
    async keys(prefix = "") {
      const found: string[] = [];
      for (let after = ""; ; after = found.at(-1) ?? "") {
        const { text } = await send("GET", "", { query: { "list-type": "2", prefix, "start-after": after } });
        found.push(...all(text, "Key"));
        if (!text.includes("<IsTruncated>true")) return found;
      }
    },
    async put(key, text) {
      await send("PUT", key, { body: text });
    },
    async text(key) {
      return (await send("GET", key)).text;
    },
    async uploads() {
      return all((await send("GET", "", { query: { uploads: "" } })).text, "Key");
    },
    [Symbol.asyncDispose]: () => http[Symbol.asyncDispose](),
  };
}

/** Makes a bucket of this name. */
export async function bucketNamed(server: string, bucket: string): Promise<void> {
  await using own = hands(server, bucket);
  await own.send("PUT", "", { body: "" });
}
