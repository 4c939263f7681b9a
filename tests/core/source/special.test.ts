import { expect, setDefaultTimeout, test } from "bun:test";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { SourceSpec } from "../../../src/core/model/source.ts";
import { run as call } from "../format/tools.ts";
import { file, hostile } from "./hostile.ts";
import {
  ANY,
  all,
  attempt,
  type Bench,
  bench,
  declared,
  failureOf,
  fileSource,
  hash,
  never,
  noise,
  opening,
  urlSource,
} from "./kit.ts";

// A named pipe without a writer, or a device without an end: nothing here may wait for it.
setDefaultTimeout(60_000);

const BYTES = noise(100_000);

async function fails(place: Bench, spec: Exclude<SourceSpec, { kind: "image" | "promoted" }>) {
  return await failureOf(async () => {
    await using sources = place.run();
    const { failure } = await attempt((await sources.open(spec, ANY, opening())).open(never));
    if (failure !== undefined) throw failure;
  });
}

for (const kind of ["a named pipe", "a device without an end"])
  test(`${kind} is no file: as a source, its metadata, a sums file, a signature or a key`, async () => {
    await using place = await bench();
    const pipe = kind === "a named pipe" ? join(place.directory, "pipe") : "/dev/zero";
    if (kind === "a named pipe") call(["mkfifo", pipe]);
    const path = await place.file("disk.img", BYTES);
    const table: Readonly<Record<string, Parameters<typeof fails>[1]>> = {
      source: fileSource(pipe),
      metadata: fileSource(path, { metadata: pipe }),
      sums: fileSource(path, { checksum: { kind: "sums", algorithm: "sha256", where: pipe } }),
      signature: fileSource(path, { signature: { where: pipe, key: path } }),
      key: fileSource(path, { signature: { where: path, key: pipe } }),
    };
    for (const [what, spec] of Object.entries(table)) {
      const { code, message } = await fails(place, spec);
      expect([what, code, message]).toEqual([what, "source.missing", `${pipe} is not a regular file`]);
    }
    for (const spec of [table["source"], table["sums"]]) {
      if (spec === undefined) throw new Error("not in the table");
      await using sources = place.run();
      expect((await failureOf(() => sources.look(spec, undefined, never))).code).toBe("source.missing");
    }
  });

for (const isProven of [true, false])
  test(`a named pipe in place of a cached copy is downloaded again, ${isProven ? "with" : "without"} a checksum`, async () => {
    await using server = await hostile((asked) => file(asked, BYTES));
    await using place = await bench();
    const spec = urlSource(`${server.url}/a.img`, isProven ? { checksum: declared(hash(BYTES)) } : {});
    const get = async () => {
      await using sources = place.run();
      return await all((await sources.open(spec, ANY, opening())).open(never));
    };
    await get();
    const blobs = join(place.cache, "blobs");
    const [blob = ""] = (await readdir(blobs)).filter((name) => !name.endsWith(".json"));
    await rm(join(blobs, blob));
    call(["mkfifo", join(blobs, blob)]);
    expect(hash(await get())).toBe(hash(BYTES));
  });
