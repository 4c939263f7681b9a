import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { usual } from "../../../src/core/store/s3/lease.ts";
import { parseS3 } from "../../../src/core/store/s3/location.ts";
import { s3Storage } from "../../../src/core/store/s3/storage.ts";
import { openStore } from "../../../src/core/store/state.ts";
import { served } from "../net/kit.ts";
import { at, failureOf, holder, row, signal } from "./help.ts";
import { AWS, BUCKET, makeBucket, programAt, type S3Kit, type Server, s3Kit, versitygw } from "./servers.ts";

// For a machine that does much else.
setDefaultTimeout(300_000);

const xml = (code: string, status: number, message = "of a test") =>
  new Response(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`, { status });

/** A store in memory that honours no condition, and whose answers a test may replace. */
function naive(instead: (request: Request) => Response | undefined = () => undefined) {
  const objects = new Map<string, string>();
  const server = served(async (request) => {
    const other = instead(request);
    if (other !== undefined) return other;
    const { pathname } = new URL(request.url);
    if (request.method === "PUT") objects.set(pathname, await request.text());
    if (request.method === "DELETE") objects.delete(pathname);
    const text = objects.get(pathname);
    if (text === undefined) return request.method === "DELETE" ? new Response() : xml("NoSuchKey", 404);
    return new Response(text, { headers: { etag: `"${Bun.hash(text)}"`, "last-modified": new Date().toUTCString() } });
  });
  return { ...server, objects };
}

test("a store that ignores the conditions of writes is found out at the first lock, and nothing is left there", async () => {
  await using server = naive();
  await using kit = s3Kit(server.url);
  const { code, message, hint } = await failureOf(kit.open(kit.url("s.json")).lock(holder("a"), signal));
  expect([code, message]).toEqual(["state.lock", expect.stringContaining("ignores the conditions of writes")]);
  expect(hint).toContain("two runs could hold the lock");
  expect([...server.objects.keys()]).toEqual([]);
});

test("a refused action is named with its object, and what to grant", async () => {
  for (const [method, at, wanted] of [
    [
      "GET",
      "/",
      "allow s3:GetObject on arn:aws:s3:::team-state/x/s.json.lock, and s3:ListBucket on arn:aws:s3:::team-state",
    ],
    ["PUT", ".lock", "allow s3:PutObject on arn:aws:s3:::team-state/x/s.json.lock"],
  ] as const) {
    await using server = naive((request) =>
      request.method === method && request.url.includes(at) ? xml("AccessDenied", 403) : undefined,
    );
    await using kit = s3Kit(server.url);
    const failure = await failureOf(kit.open(kit.url("x/s.json")).lock(holder("a"), signal));
    expect([failure.code, failure.hint]).toEqual(["state.remote", wanted]);
    expect(failure.message).toContain("AccessDenied");
  }
});

test("the words of common mistakes", async () => {
  const told = async (code: string, status: number) => {
    await using server = naive(() => xml(code, status));
    await using kit = s3Kit(server.url);
    return (await failureOf(kit.open(kit.url("s.json")).read(signal))).hint;
  };
  expect(await told("NoSuchBucket", 404)).toContain(`create the bucket ${BUCKET}`);
  expect(await told("AuthorizationHeaderMalformed", 400)).toContain("?region=");
  expect(await told("PermanentRedirect", 301)).toContain("?region=");
  expect(await told("ExpiredToken", 400)).toContain("AWS_SESSION_TOKEN");
  await using page = served(() => new Response("<html>nothing here</html>", { status: 404 }));
  await using kit = s3Kit(page.url);
  expect((await failureOf(kit.open(kit.url("s.json")).read(signal))).hint).toContain("does not respond as S3");
});

test("server-side encryption is asked for with each write, and signed", async () => {
  for (const [option, wanted] of [
    ["AES256", ["AES256", null]],
    ["arn:aws:kms:x:1:key/2", ["aws:kms", "arn:aws:kms:x:1:key/2"]],
  ] as const) {
    const seen: (readonly [string | null, string | null])[] = [];
    await using server = naive(({ method, headers }) => {
      const of = (name: string) => headers.get(`x-amz-server-side-encryption${name}`);
      if (method === "PUT") seen.push([of(""), of("-aws-kms-key-id")]);
      if (method === "PUT") expect(headers.get("authorization")).toContain("x-amz-server-side-encryption");
      return undefined;
    });
    await using kit = s3Kit(server.url);
    await failureOf(kit.open(kit.url("s.json", `&encrypt=${option}`)).lock(holder("a"), signal));
    expect(seen[0]).toEqual([...wanted]);
  }
});

test("where a bucket is: the style of AWS and that of others, regions, endpoints of the environment", async () => {
  const baseOf = async (url: string, env: Readonly<Record<string, string>> = {}) => {
    let seen = "";
    const { storage } = s3Storage(parseS3(url), {
      env: { ...AWS, HOME: "/nonexistent", ...env },
      maskSecret: () => undefined,
      open: (options) => {
        seen = options.url;
        throw new Error("far enough");
      },
    });
    await storage.read(signal).catch(() => undefined);
    return seen;
  };
  expect(await baseOf("s3://b1/k")).toBe("https://b1.s3.us-east-1.amazonaws.com");
  expect(await baseOf("s3://b1/k?region=eu-west-3")).toBe("https://b1.s3.eu-west-3.amazonaws.com");
  expect(await baseOf("s3://b1/k", { AWS_REGION: "cn-north-1" })).toBe("https://b1.s3.cn-north-1.amazonaws.com.cn");
  expect(await baseOf("s3://b.1/k")).toBe("https://s3.us-east-1.amazonaws.com/b.1");
  expect(await baseOf("s3://b1/k?path_style=true")).toBe("https://s3.us-east-1.amazonaws.com/b1");
  expect(await baseOf("s3://b1/k?endpoint=https://minio:9000")).toBe("https://minio:9000/b1");
  expect(await baseOf("s3://b1/k?endpoint=https://host&path_style=false")).toBe("https://b1.host");
  expect(await baseOf("s3://b1/k", { AWS_ENDPOINT_URL: "http://a", AWS_ENDPOINT_URL_S3: "http://b" })).toBe(
    "http://b/b1",
  );
});

// Installed by .ci/packages.
describe.skipIf(programAt("versitygw") === undefined)("on versitygw", () => {
  let server: Server;
  let kit: S3Kit;
  let next = 0;
  const fresh = () => kit.url(`own-${++next}/s.json`);
  beforeAll(async () => {
    server = await versitygw();
    kit = s3Kit(server.url);
    await makeBucket(server.url);
  });
  afterAll(async () => {
    await kit[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  test("a lease that nobody renews passes to the next one, and its holder writes nothing more", async () => {
    const url = fresh();
    const short = { ...usual, renew: 1_000_000, lease: 1, margin: 0 };
    const elsewhere = (id: string) => holder(id, { host: "elsewhere" });
    const first = await kit.open(url, short).lock(elsewhere("a"), signal);
    if (!("lease" in first)) throw new Error("locked");
    const other = kit.open(url, short);
    let second = await other.lock(elsewhere("b"), signal);
    expect(second).toEqual({ holder: elsewhere("a") });
    while (!("lease" in second)) second = await other.lock(elsewhere("b"), signal);
    expect((await failureOf(first.lease.write("{}", undefined))).code).toBe("state.lost");
    await second.lease.write("{}", undefined);
    await first.lease[Symbol.asyncDispose]();
    expect(await other.holder(signal)).toEqual(elsewhere("b"));
    await second.lease[Symbol.asyncDispose]();
  });

  test("a lease is renewed for as long as its run goes on", async () => {
    const url = fresh();
    const answer = await kit.open(url, { ...usual, renew: 5 }).lock(holder("a"), signal);
    if (!("lease" in answer)) throw new Error("locked");
    const renewals = () =>
      kit.requests.filter(({ method, url: at }) => method === "PUT" && at.endsWith(`own-${next}/s.json.lock`));
    const before = renewals().length;
    while (renewals().length < before + 3) await Bun.sleep(5);
    await answer.lease.write("{}", undefined);
    await answer.lease[Symbol.asyncDispose]();
    expect(await kit.open(url).holder(signal)).toBeUndefined();
  });

  test("300 small images: a document and the lines of its journal, and not 300 documents", async () => {
    const url = fresh();
    const before = kit.requests.length;
    {
      await using store = await openStore({ storage: kit.open(url), operation: "apply", write: true, signal });
      const queue = Array.from({ length: 300 }, (_, i) => i);
      const worker = async () => {
        for (let i = queue.shift(); i !== undefined; i = queue.shift())
          for (const id of ["begun", "made", "ready"]) await store.put(at("lab", `i${i}`), row("lab", id));
      };
      await Promise.all(Array.from({ length: 8 }, worker));
    }
    const made = kit.requests.slice(before).map(({ method, url: asked }) => `${method} ${new URL(asked).pathname}`);
    const documents = made.filter((line) => line.startsWith("PUT ") && line.endsWith("/s.json"));
    expect(documents.length).toBe(1);
    // 900 lines, 8 at a time, in requests that do not grow with the state.
    expect(made.filter((line) => line.startsWith("PUT ")).length).toBeLessThan(200);
    const { images } = (await openStore({ storage: kit.open(url), operation: "plan", write: false, signal })).state;
    expect(Object.keys(images).length).toBe(300);
  });

  test("a journal that has grown is in parts, and is whole again after a kill", async () => {
    const url = fresh();
    const small = { ...usual, tail: 2000 };
    const answer = await kit.open(url, small).lock(holder("dead", { pid: 2 ** 22 + 1 }), signal);
    if (!("lease" in answer)) throw new Error("locked");
    const lines = Array.from({ length: 60 }, (_, i) => `line ${i} ${"x".repeat(100)}\n`);
    for (const line of lines) await answer.lease.journal?.append("r1", line, true);
    expect((await kit.open(url).read(signal)).open).toEqual([{ run: "r1", text: lines.join("") }]);
    await using next = await openLease(kit, url);
    await next.lease.journal?.finish("r1", Buffer.byteLength(lines.slice(0, 40).join("")));
    expect(await kit.open(url).readRun("r1", signal)).toBe(lines.slice(0, 40).join(""));
  });

  test("wrong keys, a clock that is off, a bucket that does not exist", async () => {
    const read = (over: Parameters<S3Kit["open"]>[2], url = fresh()) =>
      failureOf(kit.open(url, usual, over).read(signal));
    const env = { HOME: "/nonexistent", AWS_EC2_METADATA_DISABLED: "true" };
    const key = await read({ env: { ...env, ...AWS, AWS_ACCESS_KEY_ID: "AKIAOTHER" } });
    expect(`${key.message} ${key.hint}`).toMatch(/(InvalidAccessKeyId|UserNotFound).*check AWS_ACCESS_KEY_ID/s);
    const secret = await read({ env: { ...env, ...AWS, AWS_SECRET_ACCESS_KEY: "hunter2" } });
    expect(secret.message).toContain("SignatureDoesNotMatch");
    expect(`${secret.message} ${secret.hint}`).not.toContain("hunter2");
    const late = await read({ now: () => Date.now() - 3_600_000 });
    expect(`${late.message} ${late.hint}`).toMatch(/60 min behind.*set the clock/s);
    const bucket = await read({}, `s3://no-such-bucket/k?endpoint=${encodeURIComponent(server.url)}`);
    expect(bucket.hint).toContain("create the bucket no-such-bucket");
    expect((await read({ env })).code).toBe("config.secret");
  });
});

async function openLease(kit: S3Kit, url: string) {
  const answer = await kit.open(url).lock(holder("next"), signal);
  if (!("lease" in answer)) throw new Error(`locked by ${answer.holder.id}`);
  return { lease: answer.lease, [Symbol.asyncDispose]: async () => await answer.lease[Symbol.asyncDispose]() };
}

test("a port where nothing listens is named with the endpoint", async () => {
  await using kit = s3Kit("http://127.0.0.1:1");
  const { code, hint } = await failureOf(kit.open(kit.url("s.json")).read(signal));
  expect([code, hint]).toEqual(["state.remote", expect.stringContaining("the endpoint is http://127.0.0.1:1")]);
});
