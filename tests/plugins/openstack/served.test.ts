import { expect, setDefaultTimeout, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { bytes, declared, type Stage, staged } from "./stage.ts";

setDefaultTimeout(60_000);

// A Glance that serves other bytes than its digests are of: no reader takes them.

const own = Buffer.from(bytes);
const flipped = Buffer.from(own);
flipped[3000] = 0;
const LIES: Readonly<Record<string, () => Response>> = {
  "one byte is another one": () => new Response(flipped),
  "they end early": () => new Response(own.subarray(0, 3000)),
  "they are a part that nobody asked for": () =>
    new Response(own.subarray(1000), { status: 206, headers: { "content-range": "bytes 1000-5999/6000" } }),
  "they are packed": () => new Response(Bun.gzipSync(own), { headers: { "content-encoding": "gzip" } }),
  "there are none": () => new Response(null, { status: 204 }),
};
const ANOTHER =
  '[backend.st]\nplugin = "local"\npath = "./store"\n[image.c]\nbackend = "st"\nsource = { image = "x/a" }\n';

function serve({ cloud, glance }: Stage, lie: () => Response): void {
  cloud.glance = (heard) => (heard.method === "GET" && heard.path.endsWith("/file") ? lie() : glance.answer(heard));
}

for (const [what, lie] of Object.entries(LIES))
  test(`the bytes of an image, ${what}: export writes no file, verify says so, another backend gets nothing`, async () => {
    await using stage = await staged(declared("a"));
    expect((await stage.images("apply", "--yes")).code).toBe(0);
    serve(stage, () => new Response(own));
    expect((await stage.images("export", "x/a", "--out", "good.img")).code).toBe(0);
    expect(await Bun.file(stage.folder.at("good.img")).text()).toBe(bytes);
    serve(stage, lie);
    const { code, stderr } = await stage.images("export", "x/a", "--out", "out.img");
    expect([code, stderr]).toEqual([1, expect.stringContaining("the download is not the image")]);
    expect((await readdir(stage.folder.path)).filter((name) => name.includes("out"))).toEqual([]);
    expect((await stage.images("verify")).stdout).toContain("MISMATCH");
    await stage.declare(`${declared("a")}${ANOTHER}`);
    expect((await stage.images("apply", "--yes")).code).toBe(1);
    expect(await Bun.file(stage.folder.at("store/files/c.img")).exists()).toBe(false);
    serve(stage, () => new Response(own));
    expect((await stage.images("apply", "--yes")).code).toBe(0);
    expect(await Bun.file(stage.folder.at("store/files/c.img")).text()).toBe(bytes);
  });
