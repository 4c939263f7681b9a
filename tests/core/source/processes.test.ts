import { expect, setDefaultTimeout, test } from "bun:test";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { hexOf } from "../../../src/core/model/digest.ts";
import { type Asked, file, hostile } from "./hostile.ts";
import { type Bench, bench, hash, noise } from "./kit.ts";

setDefaultTimeout(300_000);
const BYTES = noise(6 * (1 << 20) + 99);
const DIGEST = hash(BYTES);

const fetcher = (place: Bench, url: string, digest = "") =>
  Bun.spawn(["bun", join(import.meta.dir, "fetcher.ts"), url, digest], {
    env: { ...process.env, ...place.means.env },
    stdout: "pipe",
    stderr: "inherit",
  });

for (const [kind, digest] of [
  ["with a checksum", DIGEST],
  ["without one", ""],
] as const)
  test(`a killed download is taken up where it ended, ${kind}: no byte comes twice`, async () => {
    await using place = await bench();
    const partial = join(place.cache, "partial");
    const kept = async (): Promise<number> => {
      const names = await readdir(partial).catch(() => []);
      const name = names.find((one) => /^[0-9a-f]{64}$/.test(one));
      return name === undefined ? 0 : (await stat(join(partial, name))).size;
    };
    let isStuck = true;
    await using server = await hostile((asked: Asked) => ({
      ...file(asked, BYTES),
      ...(isStuck ? { stall: 4_500_000 } : {}),
    }));
    const url = `${server.url}/a.img`;
    const child = fetcher(place, url, digest);
    while ((await kept()) < 4 << 20) await new Promise((resolve) => setTimeout(resolve, 10));
    child.kill("SIGKILL");
    await child.exited;
    expect(await readdir(join(place.cache, "blobs"))).toEqual([]);
    const before = await kept();
    const sent = server.sent();
    isStuck = false;
    const second = fetcher(place, url, digest);
    expect((await new Response(second.stdout).text()).trim()).toBe(hexOf(DIGEST));
    expect(await second.exited).toBe(0);
    expect(server.gets().at(-1)?.headers["range"]).toBe(`bytes=${before}-`);
    expect(server.sent() - sent).toBe(BYTES.length - before);
    for (const directory of ["partial", "locks", "uses"])
      expect(await readdir(join(place.cache, directory))).toEqual([]);
  });

test("processes that want the same at once fetch it once", async () => {
  await using place = await bench();
  await using server = await hostile((asked) => file(asked, BYTES));
  const children = [1, 2, 3].map(() => fetcher(place, `${server.url}/a.img`, DIGEST));
  for (const child of children) expect((await new Response(child.stdout).text()).trim()).toBe(hexOf(DIGEST));
  expect(await Promise.all(children.map(({ exited }) => exited))).toEqual([0, 0, 0]);
  expect(server.gets().length).toBe(1);
});
