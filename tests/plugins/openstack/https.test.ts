import { expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { pem } from "../../core/net/kit.ts";
import { bytes, staged } from "./stage.ts";

setDefaultTimeout(300_000);

const sum = createHash("sha512").update(bytes).digest("hex");

test("where [policy] requires https, Glance fetches no URL by itself: nobody here would see where it is redirected to", async () => {
  await using web = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    tls: { cert: pem("server.crt"), key: pem("server.key") },
    fetch: (): Response => new Response(bytes),
  });
  const ca = join(import.meta.dir, "../../fixtures/tls/ca.crt");
  const image = `[image.big]\nbackend = "x"\ndisk_format = "raw"\nweb_download = true\nsource = { url = "https://127.0.0.1:${web.port}/disk.img", checksum = "sha512:${sum}", ca = "${ca}" }\n`;
  const imports = async (policy: string) => {
    await using stage = await staged(image + policy);
    expect((await stage.images("apply", "--yes")).code).toBe(0);
    expect([...stage.glance.images.values()].map(({ status, size }) => [status, size])).toEqual([
      ["active", bytes.length],
    ]);
    return stage.cloud.asked.filter((call) => call.endsWith("/import")).length;
  };
  expect(await imports("")).toBeGreaterThan(0);
  expect(await imports('[policy]\nrequire = ["https"]\n')).toBe(0);
});

test("where [policy] requires https, a redirect of the source to http is refused by plan and apply", async () => {
  await using plain = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: (): Response => new Response(bytes) });
  await using web = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    tls: { cert: pem("server.crt"), key: pem("server.key") },
    fetch: (): Response => Response.redirect(`${plain.url.origin}/disk.img`, 302),
  });
  const ca = join(import.meta.dir, "../../fixtures/tls/ca.crt");
  const image = (more: string) =>
    `[image.big]\nbackend = "x"\ndisk_format = "raw"\nsource = { url = "https://127.0.0.1:${web.port}/disk.img", ca = "${ca}"${more} }\n[policy]\nrequire = ["https"]\n`;
  await using stage = await staged(image(""));
  const planned = await stage.images("plan");
  expect(planned.code).toBe(1);
  expect(planned.stdout + planned.stderr).toContain("[policy] requires https");
  await stage.declare(image(`, checksum = "sha512:${sum}"`));
  const applied = await stage.images("apply", "--yes");
  expect(applied.code).toBe(1);
  expect(applied.stdout + applied.stderr).toContain("[policy] requires https");
  expect([...stage.glance.images.values()].filter(({ status }) => status === "active")).toEqual([]);
});
