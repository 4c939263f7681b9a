import { expect, setDefaultTimeout, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { explain } from "../../../src/plugins/linode/explain.ts";
import { Scene, upload } from "./kit.ts";

setDefaultTimeout(300_000);

const RAW = new Uint8Array(crypto.getRandomValues(Buffer.alloc(60_000)));

async function scene(more = "") {
  const opened = await Scene.open();
  await opened.directory.write("disk.img.gz", gzipSync(RAW));
  await opened.declare(upload(more));
  return opened;
}

const ONE = [{ status: "available" }];

test("an upload that breaks off is begun anew at the same URL", async () => {
  await using play = await scene();
  play.control.next({ kind: "dropped", afterBytes: 1000 }, { server: "uploads" });
  play.control.next({ kind: "internal" }, { server: "uploads" });
  await play.apply();
  expect(play.control.images()).toMatchObject(ONE);
  expect(play.control.received().filter(({ isWhole }) => isWhole)).toMatchObject([{ raw: { bytes: RAW.length } }]);
  expect(play.asked().filter((one) => one === "POST /images/upload 200").length).toBe(1);
  await play.settled();
});

test("an upload whose answer is lost is not lost, also when its URL is closed by then", async () => {
  await using play = await scene();
  play.control.next({ kind: "lost-answer" }, { server: "uploads" });
  const arrived = play.emulator.log.until({ server: "uploads" }).then(() => play.control.settle());
  await play.apply();
  await arrived;
  expect(play.asked().filter((one) => one.startsWith("PUT"))).toEqual([
    "PUT bytes 0",
    "PUT bytes 403",
    expect.stringMatching(/^PUT .images.private.\d+ 200$/),
  ]);
  expect(play.control.images()).toMatchObject(ONE);
  await play.settled();
});

test("an upload that cannot be begun is told with the status and the server's words", async () => {
  await using play = await scene();
  play.control.next({ kind: "internal" }, { method: "POST", times: 999 });
  const said = await play.run("apply", "--yes");
  expect(said.code).toBe(1);
  const words = said.stderr.replace(/\s+/g, " ");
  expect(words).toMatch(/POST \S+\/images\/upload: 500/);
  expect(words).not.toContain("a longer `timeout`");
  expect(play.control.images()).toEqual([]);
});

test("a region that Linode does not have blocks its own image, and no other; also where an image is there already", async () => {
  await using play = await scene();
  const other = upload().replace("small", "other");
  const bad = upload('replica_regions = ["us-ord", "us-nowhere"]');
  await play.declare(`${other}\n${bad}`);
  const said = await play.run("plan");
  expect([said.code, /create\s+lin\/other/.test(said.stdout), /blocked?\s+lin\/small/.test(said.stdout)]).toEqual([
    1,
    true,
    true,
  ]);
  await play.declare(`${other}\n${upload()}`);
  await play.apply();
  await play.declare(`${other}\n${bad}`);
  const again = await play.run("apply", "--yes");
  expect(again.code).toBe(1);
  expect(again.stdout + again.stderr).toContain("us-nowhere");
  expect(play.asked().filter((one) => one.startsWith("POST") && one.includes("/regions"))).toEqual([]);
});

test("a region that Linode does not have stops the plan, and a known one costs no request", async () => {
  await using play = await scene();
  await play.declare(upload('replica_regions = ["us-ord", "us-nowhere"]'));
  const said = await play.run("plan");
  expect(said.code).toBe(1);
  expect(said.stdout.replace(/\s+/g, " ")).toContain('replica_regions: Linode has no region "us-nowhere"');
  expect((await play.run("apply", "--yes")).code).toBe(1);
  expect(play.control.images()).toEqual([]);
  await play.declare(upload('replica_regions = ["us-ord"]'));
  await play.apply();
  play.asked();
  await play.settled();
  expect(play.asked().filter((one) => one.includes("/regions"))).toEqual([]);
});

test("a begun upload whose URL never came is taken away at once", async () => {
  await using play = await scene();
  play.control.next({ kind: "lost-answer" }, { method: "POST" });
  const said = await play.run("apply", "--yes");
  expect(said.code).toBe(1);
  expect(said.stderr).toContain("net.broken");
  expect(play.control.images()).toEqual([]);
  await play.apply();
  expect(play.control.images()).toMatchObject(ONE);
});

test("the image of a disk whose answer never came is taken up", async () => {
  await using play = await scene();
  const { id, disks } = play.control.addInstance();
  await play.declare(`[image.small]\nbackend = "lin"\nlinode_id = ${id}\ndisk_id = ${disks[0]}\n`);
  play.control.next({ kind: "lost-answer" }, { method: "POST" });
  await play.apply();
  expect(play.control.images()).toMatchObject(ONE);
  await play.settled();
});

test.concurrent("passing troubles of a creation are waited for", async () => {
  await using play = await scene('label = "first"\n');
  const { control } = play;
  control.next({ kind: "too-many-requests", shape: "json", retryAfter: 1 }, { path: /\/images$/ });
  control.next({ kind: "internal" }, { method: "POST" });
  control.next({ kind: "not-yet-available", retryAfter: 1 }, { method: "POST" });
  control.next({ kind: "bad-gateway" }, { path: /\/private\// });
  await play.apply();
  expect(control.images()).toMatchObject([{ label: "first", status: "available" }]);
  expect(control.plannedFaults).toBe(0);
});

test.concurrent("passing troubles of a change are waited for", async () => {
  await using play = await scene('label = "first"\n');
  const { control } = play;
  await play.apply();
  await play.declare(upload('label = "second"\n'));
  control.next({ kind: "busy" }, { method: "PUT" });
  control.next({ kind: "too-many-requests", shape: "html", retryAfter: 1 }, { method: "PUT" });
  await play.apply();
  expect(control.images()).toMatchObject([{ label: "second", status: "available" }]);
  expect(control.plannedFaults).toBe(0);
});

test.concurrent("passing troubles of a removal are waited for", async () => {
  await using play = await scene('label = "first"\n');
  const { control } = play;
  await play.apply();
  control.next({ kind: "busy" }, { method: "DELETE" });
  control.next({ kind: "lost-answer" }, { method: "DELETE" });
  await play.ok("destroy", "--yes");
  expect(control.images()).toEqual([]);
  expect(control.plannedFaults).toBe(0);
});

test("maintenance is not waited for", async () => {
  await using play = await scene();
  play.control.next({ kind: "maintenance" }, { times: 99 });
  const said = await play.run("apply", "--yes");
  expect(said.code).toBe(1);
  expect(said.stderr).toContain("status.linode.com");
  expect(play.asked().length).toBe(1);
});

test("a token without the scope is told which one it needs", async () => {
  await using play = await Scene.open({ scopes: "images:read_only" });
  await play.directory.write("disk.img.gz", gzipSync(RAW));
  await play.declare(upload());
  const said = await play.run("apply", "--yes");
  expect(said.code).toBe(1);
  expect(said.stderr).toContain("images:read_write");
  expect(play.control.images()).toEqual([]);
});

test("what the server refuses is said in its words, with the field", async () => {
  await using play = await scene();
  await play.declare(upload().replace("us-ord", "us-west"));
  const said = await play.run("apply", "--yes");
  expect(said.code).toBe(1);
  expect(said.stderr).toMatch(/region: \S+/);
  expect(said.stderr).toContain("POST");
});

test("answers are explained by what is in them", () => {
  const told = (status: number, body: string, headers: Readonly<Record<string, string>> = {}) =>
    explain({ status, body, headers: new Headers(headers) });
  const html = { server: "nginx", "content-type": "text/html" };
  expect(told(400, "<html>", html)).toEqual({ retry: true });
  expect(told(502, "<html>", html)).toBeUndefined();
  expect(told(400, '{"errors":[{"reason":"a","field":"b"},{"reason":"c"}]}')).toEqual({ message: "b: a; c" });
  expect(told(400, '{"errors":[{"reason":"Linode busy."}]}')).toMatchObject({ code: "busy", retry: true });
  expect(told(403, "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>")).toMatchObject({
    message: "AccessDenied: Request has expired",
    code: "refused",
  });
  expect(told(500, "{}")).toBeUndefined();
});
