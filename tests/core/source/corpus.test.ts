import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { findQemu } from "../../../src/core/format/qemu.ts";
import type { ByteRequirements } from "../../../src/core/model/image.ts";
import type { OpenResult } from "../../../src/core/source/open/opened.ts";
import { directory, has, random, run } from "../format/tools.ts";
import { FORMS, type Form, ROUNDS, rawOf } from "./corpus.ts";
import { type Asked, file, hostile, type Reply } from "./hostile.ts";
import { all, attempt, bench, compared, failureOf, fileSource, never, opening, urlSource } from "./kit.ts";

setDefaultTimeout(600_000);

// The corpus: every form of an image that people publish, made by the tool that they use, larger than all buffers of its readers (corpus.ts), as
// raw out of a file, over HTTP through the cache, and over HTTP without it; broken at random places; and interrupted.

const RAW: ByteRequirements = { formats: ["raw"], compressions: ["none"] };

/** With ranges that count from the end, too. */
function served(asked: Asked, bytes: Uint8Array): Reply {
  const tail = Number(/^bytes=-(\d+)$/.exec(asked.headers["range"] ?? "")?.[1] ?? 0);
  if (tail === 0) return file(asked, bytes);
  const from = bytes.length - tail;
  const headers = { "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` };
  return { status: 206, headers, body: bytes.subarray(from) };
}

/** The last form that was made, whose tests follow each other, and those that the tests at the end use again. */
const kept = new Map<Form, Uint8Array<ArrayBuffer>>();
const AGAIN = /^(?:vhd, fixed|vhdx)$/;

async function made(form: Form): Promise<Uint8Array<ArrayBuffer>> {
  const known = kept.get(form);
  if (known !== undefined) return known;
  for (const other of kept.keys()) if (!AGAIN.test(other.name)) kept.delete(other);
  const bytes = await make(form);
  kept.set(form, bytes);
  return bytes;
}

async function make(form: Form): Promise<Uint8Array<ArrayBuffer>> {
  await using at = await directory();
  await Bun.write(join(at.path, "disk.raw"), rawOf(form));
  run(["sh", "-c", `cd '${at.path}' && ${form.make}`]);
  return await Bun.file(join(at.path, "out")).bytes();
}

const CODES = /^source\.(?:format|corrupt|truncated|limit|member|order)$/;
const next = random(5);

for (const form of FORMS) {
  const isThere = has(form.tool) && (form.tool !== "qemu-img" || findQemu() !== undefined);
  const why = isThere ? "" : ` (skipped: ${form.tool} is not installed)`;
  const more = { decompress: true, ...(form.member === undefined ? {} : { member: form.member }) };

  test.skipIf(!isThere)(
    `${form.name}: the disk out of a file, over HTTP with the cache and without${why}`,
    async () => {
      const bytes = await made(form);
      await using cached = await bench();
      await using direct = await bench({ env: { IMAGES_CACHE_MAX: "0" } });
      await using server = await hostile((asked) => served(asked, bytes));
      const path = await cached.file(form.called, bytes);
      const url = `${server.url}/${form.called}`;
      for (const source of [
        await cached.run().open(fileSource(path, more), RAW, opening()),
        await cached.run().open(urlSource(url, more), RAW, opening()),
        await cached.run().open(urlSource(url, more), RAW, opening()),
        await direct.run().open(urlSource(url, more), RAW, opening()),
      ]) {
        expect(source.format).toBe("raw");
        expect(await compared(source.open(never), rawOf(form))).toEqual({ is: true });
      }
    },
  );

  test.skipIf(!isThere)(`${form.name}: broken at random places it is an error, never a hang${why}`, async () => {
    const whole = await made(form);
    await using cached = await bench();
    await using direct = await bench({ env: { IMAGES_CACHE_MAX: "0" } });
    for (let round = 0; round < ROUNDS; round += 1) {
      const cut = round === 0 ? whole.length - 1 - (next() % (whole.length >> 1)) : whole.length;
      const bytes = Uint8Array.from(whole.subarray(0, cut));
      const at = next() % cut;
      if (round > 0) bytes.fill((bytes[at] ?? 0) ^ 0x5a, at, at + 64);
      const path = await cached.file(`broken-${round}`, bytes);
      await using server = await hostile((asked) => served(asked, bytes));
      const url = `${server.url}/${form.called}`;
      const ways: readonly (() => Promise<OpenResult>)[] = [
        () => cached.run().open(fileSource(path, more), RAW, opening()),
        () => cached.run().open(urlSource(url, more), RAW, opening()),
        () => direct.run().open(urlSource(url, more), RAW, opening()),
      ];
      // What is cut off in each way; what is flipped in one of them.
      for (const [way, open] of ways.entries()) {
        if (round > 0 && way !== (next() + round) % 3) continue;
        const { is, failure } = await open().then(
          (source) => compared(source.open(never), rawOf(form)),
          (failure: unknown) => ({ is: false, failure }),
        );
        if (failure === undefined) {
          // What has no sum may give other bytes of the disk; a part that nobody reads may be the broken one.
          if (form.unchecked !== true) expect([form.name, round, way, is]).toEqual([form.name, round, way, true]);
        } else expect(failure).toMatchObject({ code: expect.stringMatching(CODES) });
      }
    }
  });

  test.skipIf(!isThere)(
    `${form.name}: a run that is ended at any instant is over, and leaves no file${why}`,
    async () => {
      const bytes = await made(form);
      for (const way of ["file", "cache", "web"] as const) {
        await using place = await bench(way === "web" ? { env: { IMAGES_CACHE_MAX: "0" } } : {});
        await using server = await hostile((asked) => served(asked, bytes));
        const spec =
          way === "file"
            ? fileSource(await place.file(form.called, bytes), more)
            : urlSource(`${server.url}/${form.called}`, more);
        const stop = new AbortController();
        {
          await using run = place.run({ signal: stop.signal });
          const work = (async () => {
            const source = await run.open(spec, RAW, opening({ signal: stop.signal }));
            return (await compared(source.open(stop.signal), rawOf(form))).is;
          })().catch((error: unknown) => error);
          for (let turns = next() % 300; turns > 0; turns -= 1) await new Promise((resolve) => setImmediate(resolve));
          stop.abort(new Error("interrupted"));
          const thrown = await work;
          // What closing what was open may fail with comes after the reason: `asFailure` gives that.
          const end = thrown instanceof SuppressedError ? thrown.suppressed : thrown;
          if (end !== true) expect(end).toEqual(new Error("interrupted"));
        }
        expect(
          await Array.fromAsync(new Bun.Glob("cache/scratch/**").scan({ cwd: place.directory, dot: true })),
        ).toEqual([]);
      }
    },
  );

  test.skipIf(!isThere)(
    `${form.name}: a run that is ended while nothing comes any more is over at once${why}`,
    async () => {
      const bytes = await made(form);
      const half = bytes.length >> 1;
      await using place = await bench({ env: { IMAGES_CACHE_MAX: "0" }, idle: 300 });
      await using server = await hostile((asked) =>
        asked.method === "GET" && asked.headers["range"] === undefined
          ? { body: bytes, stall: half }
          : served(asked, bytes),
      );
      const stop = new AbortController();
      const work = (async () => {
        const url = `${server.url}/${form.called}`;
        const source = await place.run().open(urlSource(url, more), RAW, opening({ signal: stop.signal }));
        return await all(source.open(stop.signal));
      })();
      const ended = work.catch((thrown: unknown) => thrown);
      while (server.sent() < half) await new Promise((resolve) => setImmediate(resolve));
      stop.abort(new Error("interrupted"));
      expect(await ended).toEqual(new Error("interrupted"));
    },
  );
}

test.skipIf(!has("qemu-img"))("a fixed vhd that no name and no range tells is an error, never a raw disk", async () => {
  const [fixed] = FORMS.filter(({ name }) => name === "vhd, fixed");
  if (fixed === undefined) throw new Error("there is no fixed vhd");
  const bytes = await made(fixed);
  await using place = await bench({ env: { IMAGES_CACHE_MAX: "0" } });
  await using server = await hostile((asked) => file(asked, bytes));
  const packedPath = await place.file("a.raw.gz", Bun.gzipSync(bytes, { level: 1 }));
  for (const wanted of [RAW, { formats: ["qcow2"], compressions: ["none"] } as const]) {
    for (const spec of [urlSource(`${server.url}/disk.raw`), fileSource(packedPath, { decompress: true })]) {
      const failure = await failureOf(async () => {
        const source = await place.run().open(spec, wanted, opening());
        return await all(source.open(never));
      });
      expect([failure.code, failure.message]).toEqual([
        "source.format",
        expect.stringContaining("vhd image of fixed size"),
      ]);
    }
  }
});

test.skipIf(!has("qemu-img"))("a vhdx that is passed on is read whole, and refused on top of a parent", async () => {
  const [form] = FORMS.filter(({ name }) => name === "vhdx");
  if (form === undefined) throw new Error("there is no vhdx");
  const good = await made(form);
  // The flags of the item that holds the parameters of the file.
  const item = Buffer.from(good.buffer).indexOf(Buffer.from("3767a1ca36fa434db3b633f0aa44e76b", "hex"));
  const flags = item - (item % 65536) + new DataView(good.buffer).getUint32(item + 16, true) + 4;
  const onParent = Uint8Array.from(good);
  onParent[flags] = (onParent[flags] ?? 0) | 2;
  await using place = await bench({ env: { IMAGES_CACHE_MAX: "0" } });
  for (const [bytes, code] of [
    [good, undefined],
    [onParent, "source.format"],
  ] as const) {
    await using server = await hostile((asked) => file(asked, bytes));
    const wanted: ByteRequirements = { formats: ["vhdx"], compressions: ["none"] };
    const source = await place.run().open(urlSource(`${server.url}/disk.vhdx`), wanted, opening());
    const { got, failure } = await attempt(source.open(never));
    expect(failure?.code).toBe(code);
    expect(got.length === bytes.length).toBe(code === undefined);
  }
});
