import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import { mkdir, rename, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Content, FileSource, Stat } from "../../../src/core/model/source.ts";
import { unchangedNow } from "../../../src/core/source/open/index.ts";
import { type Bench, bench, declared, fileSource, hash, never, noise } from "./kit.ts";

const BYTES = noise(5000);

/** What an unwaiting look says, however slow this machine is just now. */
const atOnce = (spec: FileSource, previous: Content): Content | undefined =>
  unchangedNow(spec, previous, { statNow: (path) => statSync(path, { bigint: true, throwIfNoEntry: false }) });

async function seen(place: Bench, more: Partial<FileSource> = {}) {
  const path = await place.file("a.img", BYTES);
  const spec = fileSource(path, more);
  return { path, spec, content: await place.run().look(spec, undefined, never) };
}

test("a file that is what it was is seen at once, as a look at it says", async () => {
  await using place = await bench();
  for (const more of [{}, { member: "*" }, { decompress: true }]) {
    const { spec, content } = await seen(place, more);
    for (const previous of [
      content,
      { ...content, size: undefined },
      { ...content, digests: { md5: hash("", "md5") } },
    ]) {
      const known: Content = JSON.parse(JSON.stringify(previous));
      const found = atOnce(spec, known);
      expect(found).toEqual(await place.run().look(spec, known, never));
      expect(found).toBeDefined();
    }
  }
});

test("what is not certain to be the same is left to a look that waits", async () => {
  await using place = await bench();
  const { path, spec, content } = await seen(place);
  const { stat, digest, ...bare } = content;
  const stale: readonly [FileSource, Content][] = [
    [fileSource(path, { checksum: declared(hash("other")) }), content],
    [fileSource(path, { metadata: path }), content],
    [fileSource(path, { follow: false }), content],
    [spec, { ...bare, ...(stat && { stat }) }],
    [spec, { ...bare, ...(digest && { digest }) }],
    [spec, { ...content, where: "/elsewhere.img" }],
    [spec, { ...content, ...(stat && { stat: { ...stat, size: 1 } }) }],
    [spec, { ...content, ...(stat && { stat: { ...stat, mtime: "1" } }) }],
    [spec, { ...content, ...(stat && { stat: { ...stat, inode: "1" } }) }],
  ];
  for (const [of, previous] of stale) expect(atOnce(of, previous)).toBeUndefined();
});

test("a file that was touched, replaced, linked elsewhere, or is gone or none is not what it was", async () => {
  await using place = await bench();
  const { path, spec, content } = await seen(place);
  const other = join(place.directory, "other.img");
  await writeFile(other, noise(5000));
  expect(atOnce(spec, content)).toEqual(content);
  await utimes(path, new Date(), new Date(0));
  expect(atOnce(spec, content)).toBeUndefined();
  await rename(other, path);
  expect(atOnce(spec, content)).toBeUndefined();
  await rm(path);
  expect(atOnce(spec, content)).toBeUndefined();
  await mkdir(path);
  expect(atOnce(spec, content)).toBeUndefined();
  await rm(path, { recursive: true });
  await writeFile(other, BYTES);
  await symlink(other, path);
  expect(atOnce(spec, content)).toBeUndefined();
});

test("a file that many images name is asked for once, and each is compared with what it was made from", async () => {
  await using place = await bench();
  const { path, spec, content } = await seen(place);
  const asked: string[] = [];
  const stats = new Map<string, Stat>();
  const look = (previous: Content) =>
    unchangedNow(spec, previous, {
      stats,
      statNow: (path) => {
        asked.push(path);
        return statSync(path, { bigint: true, throwIfNoEntry: false });
      },
    });
  const { stat } = content;
  expect([look(content), look({ ...content, ...(stat && { stat: { ...stat, mtime: "1" } }) }), look(content)]).toEqual([
    content,
    undefined,
    content,
  ]);
  expect(asked).toEqual([path]);
});
