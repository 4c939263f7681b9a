import { expect, test } from "bun:test";
import type { Desired } from "images";
import { check } from "../../../src/core/model/check.ts";
import { IncusClient } from "../../../src/plugins/incus/client.ts";
import { explain } from "../../../src/plugins/incus/explain.ts";
import { type Publishing, published } from "../../../src/plugins/incus/publish.ts";
import { Registry } from "../../../src/plugins/incus/registry.ts";
import { type IncusImage, image } from "../../../src/plugins/incus/schema.ts";
import { ServerTrust } from "../../../src/plugins/incus/trust.ts";
import { never, opened, served } from "../../core/net/kit.ts";

// An instance that runs cannot be had in every environment: what is asked of a server around its publication.

const FINGERPRINT = "ab".repeat(32);
const sync = (metadata: unknown) => Response.json({ type: "sync", metadata });
const begun = () => Response.json({ type: "async", operation: "/1.0/operations/1" });

function wanted(written: Readonly<Record<string, unknown>>): Desired<IncusImage> {
  const checked = check(image, written);
  if (!checked.ok) throw new Error(JSON.stringify(checked.faults));
  return checked.value;
}

/** A server with one instance; `answer`: what an operation of publishing ends with. */
function serverOf(instance: { status: string; ephemeral: boolean }, answer: () => Response) {
  const seen: string[] = [];
  let isPublishing = false;
  const server = served(async (request) => {
    const { pathname } = new URL(request.url);
    const body = request.method === "GET" ? "" : await request.text();
    if (request.method !== "GET") seen.push(`${request.method} ${pathname} ${body}`.trim());
    if (pathname.endsWith("/wait")) return isPublishing ? answer() : sync({ id: "1", status_code: 200 });
    if (pathname === "/1.0/images" && request.method === "GET") return sync([]);
    isPublishing = pathname === "/1.0/images";
    if (pathname.endsWith("/state")) instance.status = body.includes("stop") ? "Stopped" : "Running";
    if (request.method === "PATCH") return sync({});
    return request.method === "GET" ? sync({ ...instance, created_at: "2026-01-01T00:00:00Z" }) : begun();
  });
  return { server, seen };
}
const publishing = (client: IncusClient, want: Desired<IncusImage>): Publishing => ({
  instances: client,
  place: { self: "place" },
  want,
  notes: { mark: undefined, alias: undefined, copied: undefined },
  isThere: async () => false,
  begun: async () => undefined,
});
const context = { signal: never, progress: () => undefined };
const made = () => sync({ id: "1", status_code: 200, metadata: { fingerprint: FINGERPRINT } });

test("a running instance is refused; with force it is stopped, published and started again, also where that fails", async () => {
  for (const [answer, force, end] of [
    [made, false, "is running"],
    [made, true, FINGERPRINT],
    [() => sync({ id: "1", status_code: 400, err: "no space left on device" }), true, "no space left"],
  ] as const) {
    const { server, seen } = serverOf({ status: "Running", ephemeral: true }, answer);
    await using _ = server;
    await using way = opened({ url: server.url });
    const client = new IncusClient(way.door, undefined);
    const want = wanted({ source_instance: { name: "c1" }, force });
    const said = await published(publishing(client, want), context).catch((thrown: Error) => thrown.message);
    expect(said).toContain(end);
    const changed = seen.map((one) => one.replaceAll(/ *\{.*?"(action|ephemeral)":"?(\w+).*/g, " $2"));
    expect(changed).toEqual(
      force
        ? [
            "PATCH /1.0/instances/c1 false",
            "PUT /1.0/instances/c1/state stop",
            expect.stringContaining("POST /1.0/images"),
            "PUT /1.0/instances/c1/state start",
            "PATCH /1.0/instances/c1 true",
          ]
        : [],
    );
  }
});

test("a stopped instance, and a snapshot of a running one, are published as they are", async () => {
  for (const [status, source_instance] of [
    ["Stopped", { name: "c1" }],
    ["Running", { name: "c1", snapshot: "s0" }],
  ] as const) {
    const { server, seen } = serverOf({ status, ephemeral: false }, made);
    await using _ = server;
    await using way = opened({ url: server.url });
    expect(await published(publishing(new IncusClient(way.door, "p"), wanted({ source_instance })), context)).toBe(
      FINGERPRINT,
    );
    expect(seen.length).toBe(1);
  }
});

test("an image of an instance is published in one file or in two, as it is declared", async () => {
  for (const format of [undefined, "unified", "split"]) {
    const { server, seen } = serverOf({ status: "Stopped", ephemeral: false }, made);
    await using _ = server;
    await using way = opened({ url: server.url });
    const want = wanted({ source_instance: { name: "c1" }, ...(format === undefined ? {} : { format }) });
    await published(publishing(new IncusClient(way.door, undefined), want), context);
    expect(seen.map((one) => /"format":"(\w+)"/.exec(one)?.[1])).toEqual([format]);
  }
});

test("a registry tells the digest of what a name stands for, and what it refuses is told", async () => {
  const asked: string[] = [];
  await using server = served((request) => {
    const { pathname } = new URL(request.url);
    asked.push(pathname);
    if (pathname.includes("/private/")) return new Response("", { status: 401 });
    if (pathname.includes("/gone")) return new Response("", { status: 404 });
    return new Response("{}", { headers: { "docker-content-digest": `sha256:${FINGERPRINT}` } });
  });
  await using way = opened({ url: server.url });
  const registry = new Registry(way.door, () => way.door, "docker");
  expect(await registry.find("alpine", never)).toBe(FINGERPRINT);
  expect(await registry.find("team/app:1.2", never)).toBe(FINGERPRINT);
  expect(asked).toEqual(["/v2/library/alpine/manifests/latest", "/v2/team/app/manifests/1.2"]);
  await expect(registry.find("gone:1", never)).rejects.toMatchObject({ code: "backend.missing" });
  await expect(registry.find("private/app", never)).rejects.toMatchObject({ code: "backend.denied" });
});

test("a member that is away, a restricted certificate and a server that asks for OIDC are told plainly", async () => {
  const said = (status: number, error: string) =>
    explain({ status, body: JSON.stringify({ type: "error", error_code: status, error }) });
  for (const text of ["Image not available on any online member", "The source instance is currently offline"])
    expect(said(500, text)).toMatchObject({ code: "refused", hint: expect.stringContaining("incus cluster list") });
  expect(said(500, "Unable to connect to: 10.0.0.2:8443 ([dial tcp])")?.hint).toContain("cluster member");
  expect(said(403, "Certificate is restricted")).toMatchObject({
    code: "denied",
    hint: expect.stringContaining("`project`"),
  });
  for (const [auth_methods, message] of [
    [["oidc"], "OIDC logins only"],
    [["tls", "oidc"], "received no client certificate; it uses OIDC logins"],
    [["tls"], "received no client certificate"],
  ] as const) {
    await using server = served(() => sync({ auth: "untrusted", auth_methods, environment: {} }));
    await using way = opened({ url: server.url });
    const trust = new ServerTrust(way.door, { token: undefined, isKnown: false, signal: never });
    await expect(trust.ready()).rejects.toMatchObject({
      code: "backend.auth",
      message: expect.stringContaining(message),
    });
  }
});
