import { expect, setDefaultTimeout, test } from "bun:test";
import { Access, type Account } from "./outscale/access.ts";
import { asker, signed } from "./outscale/ask.ts";
import { momentOf, type Request4 } from "./outscale/signature.ts";
import { startOutscale } from "./outscale/start.ts";
import vectors from "./outscale/vectors/sigv4.json";

// Starting curl takes its time on a busy machine.
setDefaultTimeout(300_000);

const MINUTE = 60_000;
const account: Account = {
  id: "123456789012",
  email: "me@example.com",
  password: "pw",
  accessKey: "AKIAIOSFODNN7EXAMPLE",
  secretKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
};

type Vector = (typeof vectors)[number];

function requestOf({ request }: Vector): Request4 {
  const headers = Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), value]);
  const body = new TextEncoder().encode(request.body);
  return { method: request.method, path: request.path, query: "", headers: Object.fromEntries(headers), body };
}

const dateOf = ({ headers }: Request4): string => headers["x-osc-date"] ?? headers["x-amz-date"] ?? "20261120T124503Z";

test("every captured request is let in, and none with a changed body, path, host or secret", () => {
  expect(vectors.length).toBe(9);
  for (const vector of vectors) {
    const request = requestOf(vector);
    const check = (changed: Partial<Request4>, owner = account) =>
      new Access([owner], () => momentOf(dateOf(request))).check({ ...request, ...changed }).id;
    expect(check({})).toBe(account.id);
    if (vector.signature === null) {
      expect(() => check({}, { ...account, password: "other" })).toThrow("401");
      continue;
    }
    expect(() => check({ body: new TextEncoder().encode("{} ") })).toThrow("does not match");
    expect(() => check({ path: "/api/v1/DeleteImage" })).toThrow("does not match");
    expect(() => check({ headers: { ...request.headers, host: "api.us-east-2.outscale.com" } })).toThrow("not match");
    expect(() => check({}, { ...account, secretKey: account.secretKey.toLowerCase() })).toThrow("does not match");
  }
});

test("captured requests are let in over the wire, with the path that osc-cli sends", async () => {
  for (const vector of vectors) {
    const request = requestOf(vector);
    await using emulator = await startOutscale({ now: () => momentOf(dateOf(request)) });
    const path = request.path.startsWith("/api/latest") ? `/${request.path}` : request.path;
    const { host = "", authorization = "", "content-type": type = "" } = request.headers;
    const dates = Object.entries(request.headers).filter(([name]) => /^x-(osc|amz)-/.test(name));
    const headers = Object.entries({ host, authorization, "content-type": type, ...Object.fromEntries(dates) });
    const options = ["--silent", "--path-as-is", "--data-binary", vector.request.body];
    const given = headers.flatMap(([name, value]) => ["--header", `${name}: ${value}`]);
    const child = Bun.spawn(["curl", ...options, ...given, emulator.url + path]);
    await child.exited;
    expect(emulator.log.entries).toMatchObject([{ path, status: 200, headers: { authorization } }]);
  }
});

test("host without port, folded slashes, and any region and service", () => {
  const now = () => Date.UTC(2026, 10, 20);
  const access = new Access([account], now);
  const at = (url: string, wire: Partial<Request4>) => {
    const target = new URL(url);
    const headers = Object.entries(signed(target, "{}", account, now()));
    const lower = Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value]));
    const sent = { ...lower, host: "127.0.0.1:4200" };
    const body = new TextEncoder().encode("{}");
    return access.check({ method: "POST", path: target.pathname, query: "", headers: sent, body, ...wire }).id;
  };
  expect(at("http://127.0.0.1:4200/api/v1/ReadImages", {})).toBe(account.id);
  expect(at("http://127.0.0.1/api/v1/ReadImages", {})).toBe(account.id);
  expect(at("http://127.0.0.1:4200/api/latest/ReadImages", { path: "//api/latest/ReadImages" })).toBe(account.id);
  expect(() => at("http://127.0.0.2:4200/api/v1/ReadImages", {})).toThrow("does not match");
});

test("what is not understood is refused with 401, and ReadRegions needs no signature", async () => {
  await using emulator = await startOutscale();
  const url = `${emulator.url}/api/v1/ReadImages`;
  const good = signed(new URL(url), "{}", account, Date.now());
  const withHeader = (authorization: string) => ({ ...good, Authorization: authorization });
  const authorization = good["Authorization"] ?? "";
  const wrong: Record<string, string>[] = [
    {},
    withHeader("Bearer token"),
    withHeader("Basic !"),
    withHeader(authorization.replace("osc4_request", "aws4_request")),
    withHeader(authorization.replace("OSC4-HMAC", "AWS4-HMAC")),
    withHeader(authorization.replace("content-type;host;", "content-type;")),
    withHeader(authorization.replace(/Credential=\w+/, "Credential=AKIAAAAAAAAAAAAAAAAA")),
    withHeader(authorization.replace(/Signature=\w+/, `Signature=${"0".repeat(64)}`)),
    { ...good, "X-Osc-Date": "20200101T000000Z" },
    { ...good, "X-Osc-Date": "yesterday" },
  ];
  for (const headers of wrong) {
    const response = await fetch(url, { method: "POST", body: "{}", headers });
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ Errors: [{ Code: "1", Type: "AccessDenied" }] });
  }
  expect((await fetch(url, { method: "POST", body: "{}", headers: good })).status).toBe(200);
  const regions = await fetch(`${emulator.url}/api/v1/ReadRegions`, { method: "POST", body: "{}" });
  expect(await regions.json()).toMatchObject({ Regions: [{}, {}, { RegionName: "eu-west-2" }, {}, {}] });
});

test("a date may be five minutes off, not more", async () => {
  const now = Date.UTC(2026, 10, 20, 12);
  await using emulator = await startOutscale({ now: () => now });
  const statusAt = async (ms: number) => (await asker(emulator.url, account, () => now + ms)("ReadImages")).status;
  expect(await statusAt(-5 * MINUTE)).toBe(200);
  expect(await statusAt(5 * MINUTE)).toBe(200);
  expect(await statusAt(-5 * MINUTE - 1000)).toBe(401);
  expect(await statusAt(5 * MINUTE + 1000)).toBe(401);
});

test("four failures in a row lock the key, a minute longer every time, ten at most", () => {
  let now = Date.UTC(2026, 10, 20);
  const access = new Access([account], () => now);
  const basic = (password: string) => `Basic ${Buffer.from(`me@example.com:${password}`).toString("base64")}`;
  const attempt = (password: string) => {
    const headers = { authorization: basic(password) };
    return access.check({ method: "POST", path: "/api/v1/ReadAccounts", query: "", headers, body: new Uint8Array() })
      .id;
  };
  for (let round = 1; round <= 12; round += 1) {
    for (let time = 0; time < 4; time += 1) expect(() => attempt("wrong")).toThrow("password is wrong");
    const minutes = Math.min(round, 10);
    now += minutes * MINUTE - 1;
    expect(() => attempt("pw")).toThrow("Too many failed attempts");
    now += 1;
  }
  expect(attempt("pw")).toBe(account.id);
  for (let time = 0; time < 3; time += 1) expect(() => attempt("wrong")).toThrow("password is wrong");
  expect(attempt("pw")).toBe(account.id);
});

test("locking one key locks no other, and time unlocks it over the wire", async () => {
  await using emulator = await startOutscale();
  const [own, other] = emulator.accounts;
  let ahead = 0;
  const now = () => Date.now() + ahead;
  const ask = asker(emulator.url, own, now);
  const wrong = asker(emulator.url, { ...own, secretKey: other.secretKey }, now);
  for (let time = 0; time < 4; time += 1) expect((await wrong("ReadImages")).status).toBe(401);
  expect((await ask("ReadImages")).body.Errors?.[0]?.Details).toContain("Too many failed attempts");
  expect((await asker(emulator.url, other, now)("ReadImages")).status).toBe(200);
  ahead = MINUTE;
  emulator.control.advance(MINUTE);
  expect((await ask("ReadImages")).status).toBe(200);
});

test("curl signs in both ways, and with a login", async () => {
  await using emulator = await startOutscale();
  const [own] = emulator.accounts;
  const keys = ["--user", `${own.accessKey}:${own.secretKey}`];
  const login = ["--user", `${own.email}:${own.password}`];
  const curl = async (action: string, body: object, ...options: readonly string[]) => {
    const data = ["--json", JSON.stringify(body)];
    const child = Bun.spawn(["curl", "--silent", ...options, ...data, `${emulator.url}/api/v1/${action}`]);
    const text = await child.stdout.text();
    expect(await child.exited).toBe(0);
    return JSON.parse(text);
  };
  const named = { Filters: { ImageIds: [emulator.control.seeded.publicImages[0]] } };
  for (const scheme of ["osc", "osc:osc:eu-west-2:api", "aws:amz:eu-west-2:oapi"]) {
    const read = await curl("ReadImages", named, ...keys, "--aws-sigv4", scheme);
    expect(read).toMatchObject({ Images: [{ AccountAlias: "Outscale", State: "available" }] });
  }
  const made = { ImageName: "by curl", VmId: emulator.control.seeded.vm, NoReboot: true };
  const image = await curl("CreateImage", made, ...keys, "--aws-sigv4", "osc");
  expect(image).toMatchObject({ Image: { ImageName: "by curl", State: "pending" } });
  expect(await curl("ReadAccounts", {}, ...login)).toMatchObject({ Accounts: [{ AccountId: own.id }] });
  const refused = await curl("ReadImages", {}, "--user", `${own.accessKey}:${"x".repeat(40)}`, "--aws-sigv4", "osc");
  expect(refused).toMatchObject({ Errors: [{ Type: "AccessDenied" }] });
});

test("over TLS, with a client certificate besides the signature", async () => {
  const file = (name: string) => new URL(`../fixtures/tls/${name}`, import.meta.url).pathname;
  const text = async (name: string) => await Bun.file(file(name)).text();
  const tls = { cert: await text("server.crt"), key: await text("server.key"), ca: await text("ca.crt") };
  await using emulator = await startOutscale({ tls });
  const [own] = emulator.accounts;
  const curl = async (...options: readonly string[]) => {
    const all = ["--silent", "--cacert", file("ca.crt"), "--json", "{}", "--write-out", "%{http_code}", ...options];
    const child = Bun.spawn(["curl", ...all, "--output", "/dev/null", `${emulator.url}/api/v1/ReadImages`]);
    return [await child.stdout.text(), (await child.exited) === 0];
  };
  const keys = ["--user", `${own.accessKey}:${own.secretKey}`, "--aws-sigv4", "osc:osc:eu-west-2:api"];
  const shown = ["--cert", file("client.crt"), "--key", file("client.key")];
  expect(await curl(...shown, ...keys)).toEqual(["200", true]);
  expect(await curl(...shown)).toEqual(["401", true]);
  expect(await curl(...keys)).toEqual(["000", false]);
});
