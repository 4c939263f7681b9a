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
    expect(await Bun.file(stage.directory.at("good.img")).text()).toBe(bytes);
    serve(stage, lie);
    const { code, stderr } = await stage.images("export", "x/a", "--out", "out.img");
    expect([code, stderr]).toEqual([1, expect.stringContaining("the download is not the image")]);
    expect((await readdir(stage.directory.path)).filter((name) => name.includes("out"))).toEqual([]);
    expect((await stage.images("verify")).stdout).toContain("MISMATCH");
    await stage.declare(`${declared("a")}${ANOTHER}`);
    expect((await stage.images("apply", "--yes")).code).toBe(1);
    expect(await Bun.file(stage.directory.at("store/files/c.img")).exists()).toBe(false);
    serve(stage, () => new Response(own));
    expect((await stage.images("apply", "--yes")).code).toBe(0);
    expect(await Bun.file(stage.directory.at("store/files/c.img")).text()).toBe(bytes);
  });

test("an image that was converted on its way to Glance: another backend gets its bytes, and no others", async () => {
  for (const isLie of [false, true]) {
    const image = '[image.a]\nbackend = "x"\ndisk_format = "raw"\nsource = { file = "./q.qcow2" }\n';
    const qcow2 = await Bun.file("tests/fixtures/formats/v3.qcow2").bytes();
    await using stage = await staged(`${image}${ANOTHER}`, { files: { "q.qcow2": qcow2 } });
    const { cloud, glance } = stage;
    let sent = Buffer.alloc(0);
    cloud.glance = (heard) => {
      const isFile = heard.path.endsWith("/file");
      if (isFile && heard.method === "PUT") sent = Buffer.from(heard.body, "latin1");
      if (!isFile || heard.method !== "GET") return glance.answer(heard);
      return new Response(isLie ? Buffer.concat([sent.subarray(1), sent.subarray(0, 1)]) : sent);
    };
    expect((await stage.images("apply", "--yes")).code).toBe(isLie ? 1 : 0);
    const file = Bun.file(stage.directory.at("store/files/c.img"));
    expect(await file.exists()).toBe(!isLie);
    if (isLie) continue;
    expect(Buffer.from(await file.bytes()).equals(sent)).toBe(true);
    expect((await stage.images("plan", "--detailed-exitcode")).code).toBe(0);
  }
});
