import { afterAll, beforeAll, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { fails } from "../pages/markup.ts";
import { World } from "./world.ts";

// What a run really says of itself, on its page.

const BYTES = gzipSync(randomBytes(8 << 20), { level: 1 });
let server: ReturnType<typeof Bun.serve>;
beforeAll(() => {
  server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response(BYTES) });
});
afterAll(async () => await server.stop(true));

test("an apply tells its phases, also those that are one stream", async () => {
  await using world = await World.make(
    `[image.a]\nsource = { url = "http://127.0.0.1:${server.port}/a.img.gz", decompress = true }\n[image.b]\nsource = "./b.img"\n`,
  );
  await world.ends(0, "apply", "--yes", "--report", "html=run.html");
  const page = await readFile(world.directory.at("run.html"), "utf8");
  expect(fails(page)).toEqual([]);
  const row = page.split("\n").find((line) => line.includes("store/a</code></th>") && line.includes("<svg")) ?? "";
  for (const phase of ["download", "convert", "upload"]) {
    expect(row).toContain(`<rect class="${phase}"`);
    expect(row).toMatch(new RegExp(`${phase} [\\d.]+ s \\([\\d.]+ MiB\\)`));
  }
  expect(page).toContain("Apply complete! Resources: 2 added, 0 changed, 0 destroyed.");
  expect(page).toContain('<a class="add" href="#step-store%252Fa">+ create</a>, done');
  await world.ends(0, "plan", "--report", "html=plan.html");
  const plan = await readFile(world.directory.at("plan.html"), "utf8");
  expect(plan).toContain("No changes. Your infrastructure matches the configuration.");
  expect(plan).toMatch(/unchanged<\/span> <span class="soft">new</);
});

test("a secret of the configuration is in no page", async () => {
  await using world = await World.make(
    `[image.a]\nsource = { url = "http://127.0.0.1:1/x?token=s3cr3t-in-a-url&n=1", headers = { Authorization = "env:TOKEN" } }\n`,
  );
  const env = { ...process.env, TOKEN: `tok<e>n'"&` };
  const said = await world.run(["plan", "--report", "html=plan.html"], { env });
  expect(said.code).toBe(1);
  const page = await readFile(world.directory.at("plan.html"), "utf8");
  expect(page).toContain("blocked");
  for (const secret of ["s3cr3t-in-a-url", "tok<e>", "tok&lt;e"]) expect(page).not.toContain(secret);
});
