import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { isReference, Secrets } from "../../../src/core/config/secrets.ts";
import { asFailure, type Failure, interrupted } from "../../../src/core/failure.ts";

let directory = "";
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "images-secrets-"));
});
afterAll(() => rm(directory, { recursive: true }));

const secrets = (env: Record<string, string | undefined> = {}, timeout?: number): Secrets =>
  new Secrets({
    directory: directory,
    env: { PATH: process.env["PATH"], HOME: directory, ...env },
    ...(timeout === undefined ? {} : { timeout }),
  });
const failed = (promise: Promise<unknown>): Promise<Failure> =>
  promise.then(
    () => asFailure("resolved"),
    (thrown: unknown) => asFailure(thrown),
  );
const at = { file: "images.toml", line: 3, column: 9 };

test("what is a reference", () => {
  for (const text of ["env:A", "env:_a1", "file:x", "file:~/x y", "cmd:pass show x", "cmd:a\nb"])
    expect([text, isReference(text)]).toEqual([text, true]);
  for (const text of ["", "env:", "env:a b", "env:1a", "file:", "cmd:  ", "hunter2", "ENV:A", " env:A", "https://x"])
    expect([text, isReference(text)]).toEqual([text, false]);
});

describe("resolve", () => {
  test("from the environment", async () => {
    expect(await secrets({ TOKEN: "abc def\n" }).resolve("env:TOKEN")).toBe("abc def");
    const missing = await failed(secrets().resolve("env:NOPE", { at }));
    expect([missing.code, missing.message, missing.at]).toEqual([
      "config.secret",
      "the environment variable NOPE is not set",
      at,
    ]);
    expect((await failed(secrets({ EMPTY: "" }).resolve("env:EMPTY"))).message).toBe("env:EMPTY is empty");
  });

  test("from a file, relative to the directory or to the home", async () => {
    await writeFile(join(directory, "key"), "line one\nline two\r\n");
    expect(await secrets().resolve("file:key")).toBe("line one\nline two");
    expect(await secrets({ HOME: directory }).resolve("file:~/key")).toBe("line one\nline two");
    const missing = await failed(secrets().resolve("file:nope", { at }));
    expect(missing.message).toBe(
      `the secret in ${join(directory, "nope")} cannot be read: ENOENT: no such file or directory`,
    );
    expect(missing.at).toEqual(at);
  });

  test("from a command, run once by sh in the directory with the environment", async () => {
    const some = secrets({ NAME: "x y" });
    const command = 'cmd:echo ran >> count; printf "%s in %s\\n" "$NAME" "$(pwd)"';
    const all = await Promise.all([some.resolve(command), some.resolve(command)]);
    all.push(await some.resolve(command));
    expect(new Set(all)).toEqual(new Set([`x y in ${directory}`]));
    expect(await readFile(join(directory, "count"), "utf8")).toBe("ran\n");
  });

  test("a failed command tells its stderr and never its output", async () => {
    const some = secrets();
    const failure = await failed(some.resolve("cmd:echo s3cr3t; echo no s3cr3t here >&2; exit 3", { at }));
    expect(failure.message).toEndWith("failed with exit code 3");
    expect(failure.hint).toBe("it printed: no (sensitive) here");
    expect(failure.at).toEqual(at);
    // What has failed is asked again the next time.
    const twice = "cmd:if [ -e tried ]; then echo good; else touch tried; exit 1; fi";
    await failed(some.resolve(twice));
    expect(await some.resolve(twice)).toBe("good");
  });

  test("a command that takes too long is killed with all that it started", async () => {
    const failure = await failed(secrets({}, 200).resolve("cmd:sleep 600 & echo $! > pid; wait"));
    expect(failure.message).toContain("took longer than 0.2 s");
    const pid = Number(await readFile(join(directory, "pid"), "utf8"));
    while (await running(pid)) await new Promise((done) => setTimeout(done, 5));
  });

  test("a stopped one rejects with the reason of its signal, and another one who waits gets the secret", async () => {
    const some = secrets();
    const stop = new AbortController();
    const command = "cmd:while [ ! -e go ]; do sleep 0.02; done; echo there";
    const first = failed(some.resolve(command, { signal: stop.signal }));
    const second = some.resolve(command);
    const third = failed(some.resolve(command, { signal: AbortSignal.abort(interrupted()) }));
    expect((await third).code).toBe("run.interrupted");
    stop.abort(interrupted());
    expect((await first).code).toBe("run.interrupted");
    await writeFile(join(directory, "go"), "");
    expect(await second).toBe("there");
  });

  test("what is no reference is refused without being repeated", async () => {
    const failure = await failed(secrets().resolve("hunter2"));
    expect(failure.code).toBe("config.secret");
    expect(JSON.stringify(failure) + failure.message + failure.hint).not.toContain("hunter2");
    expect(await secrets({ U: "me" }).text("env:U")).toBe("me");
    expect(await secrets().text("literal")).toBe("literal");
  });
});

const running = async (pid: number): Promise<boolean> => {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat !== "" && !/\) [ZX] /.test(stat);
};

describe("redact", () => {
  test("a resolved secret in every usual spelling", async () => {
    const some = secrets({ T: 'p@ss/w"ord+ü' });
    const secret = await some.resolve("env:T");
    const spellings = [
      secret,
      encodeURIComponent(secret),
      new URLSearchParams({ a: secret }).toString().slice(2),
      JSON.stringify(secret).slice(1, -1),
      Buffer.from(secret).toString("base64"),
      Buffer.from(secret).toString("base64url"),
    ];
    for (const spelling of spellings) expect(some.redact(`<${spelling}>`)).toBe("<(sensitive)>");
    for (const user of ["u", "us", "usr"]) {
      const basic = Buffer.from(`${user}:${secret}`).toString("base64");
      expect(some.redact(basic)).toContain("(sensitive)");
      expect(some.redact(basic).length).toBeLessThan(24);
    }
  });

  test("any secret, in any text", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 4, unit: "grapheme" }), fc.string(), (secret, around) => {
        fc.pre(!"(sensitive)".includes(secret));
        const some = secrets();
        some.maskSecret(secret);
        expect(some.redact(`${around}\n${secret}\n${JSON.stringify({ secret })}`)).not.toContain(secret);
      }),
    );
  });

  test("the lines of a key, and the longer secret first", () => {
    const some = secrets();
    some.maskSecret("-----BEGIN KEY-----\nMIIEvgIBADANBgkqhkiG9w0B\nAQEFAASCBKgwggSkAgEAAoIB\n-----END KEY-----");
    expect(some.redact("at MIIEvgIBADANBgkqhkiG9w0B: -----BEGIN KEY-----")).toBe("at (sensitive): -----BEGIN KEY-----");
    some.maskSecret("hunter2");
    some.maskSecret("hunter2-and-more");
    expect(some.redact("hunter2-and-more hunter2")).toBe("(sensitive) (sensitive)");
  });

  test("a short one only where it stands as a value", () => {
    const some = secrets();
    some.maskSecret("ab");
    some.maskSecret("");
    expect(some.redact('about a cab: {"pin":"ab"} pin=ab&x pin:ab')).toBe(
      'about a cab: {"pin":"(sensitive)"} pin=(sensitive)&x pin:(sensitive)',
    );
  });

  test("URLs show no user, password, signature or token, with nothing concealed", () => {
    const some = secrets();
    const url =
      "https://me:pa@ss@host/p?a=1&X-Amz-Signature=0f&Signature=b%2F&AWSAccessKeyId=AK&sig=x&token=t&X-Amz-Date=2&jwt=j&Policy=p&session=s&pwd=w&code=c&hmac=h&verify=v#f";
    expect(some.redact(`GET ${url} failed`)).toBe(
      "GET https://(sensitive)@host/p?a=1&X-Amz-Signature=(sensitive)&Signature=(sensitive)&AWSAccessKeyId=(sensitive)&sig=(sensitive)&token=(sensitive)&X-Amz-Date=(sensitive)&jwt=(sensitive)&Policy=(sensitive)&session=(sensitive)&pwd=(sensitive)&code=(sensitive)&hmac=(sensitive)&verify=(sensitive)#f failed",
    );
    expect(some.redact("mail me@host or see https://host/a@b?signed=1")).toBe(
      "mail me@host or see https://host/a@b?signed=1",
    );
  });
});
