import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { untar } from "../../../src/core/format/tar.ts";
import { unzip } from "../../../src/core/format/unzip.ts";
import { all, codeOf, digestOf, directory, disk, FIXTURES, fixtureDisk, has, pieces, run } from "./tools.ts";

setDefaultTimeout(300_000);

const fixture = (name: string): Promise<Uint8Array> => Bun.file(join(FIXTURES, name)).bytes();
const noTar = has("tar") ? "" : " (skipped: tar is not installed)";
const noZip = has("zip") ? "" : " (skipped: zip is not installed)";

for (const [kind, member] of [
  ["tar", untar],
  ["zip", unzip],
] as const) {
  describe(`a file of a ${kind}`, () => {
    test("is picked by its name, or is the first one", async () => {
      const bytes = await fixture(`disk.${kind}`);
      for (const most of [1, 600, 100_000]) {
        const found = await all(member(pieces(bytes, most), { name: "./disk.raw" }));
        expect(digestOf(found)).toBe(digestOf(fixtureDisk()));
      }
      expect(new TextDecoder().decode(await all(member(pieces(bytes))))).toBe("hello\n");
    });

    test("that does not exist is told with those that are", async () => {
      const bytes = await fixture(`disk.${kind}`);
      const work = all(member(pieces(bytes), { name: "disk.img" }));
      await expect(work).rejects.toMatchObject({
        code: "source.member",
        hint: 'the archive has "readme.txt", "disk.raw"',
      });
    });

    test("has a limit", async () => {
      const bytes = await fixture(`disk.${kind}`);
      const size = fixtureDisk().length;
      const of = (limit: number): Promise<string> => codeOf(all(member(pieces(bytes), { name: "disk.raw", limit })));
      expect(await of(size)).toBe("none");
      expect(await of(size - 1)).toBe("source.limit");
    });

    test("is truncated wherever it is cut off", async () => {
      const bytes = await fixture(`disk.${kind}`);
      const end = kind === "tar" ? 1024 + 512 + fixtureDisk().length : bytes.length;
      for (let cut = 0; cut < end; cut += kind === "tar" ? 997 : 131) {
        const code = await codeOf(all(member(pieces(bytes.subarray(0, cut)), { name: "disk.raw" })));
        expect([cut, ["source.truncated", "source.member", "source.corrupt"].includes(code)]).toEqual([cut, true]);
      }
    });

    test("ends only when all of the archive was read", async () => {
      const bytes = await fixture(`disk.${kind}`);
      async function* input(): AsyncGenerator<Uint8Array> {
        yield bytes;
        throw new Error("the checksum is another one");
      }
      const names = kind === "tar" ? ["readme.txt", "disk.raw"] : ["disk.raw"];
      for (const name of names)
        await expect(all(member(input(), { name }))).rejects.toThrow("the checksum is another one");
    });
  });
}

describe("tar archives of every kind", () => {
  for (const format of ["v7", "ustar", "gnu", "oldgnu", "pax"]) {
    test.skipIf(noTar !== "")(`${format}${noTar}`, async () => {
      await using at = await directory();
      const raw = disk(300_001);
      await Bun.write(join(at.path, "dir/disk.raw"), raw);
      await Bun.write(join(at.path, "dir/other"), "x");
      run(["ln", "-s", "other", join(at.path, "dir/link")]);
      const bytes = run(["tar", "-C", at.path, `--format=${format}`, "-c", "dir/link", "dir/other", "dir"]);
      expect(digestOf(await all(untar(pieces(bytes), { name: "dir/disk.raw" })))).toBe(digestOf(raw));
      expect(new TextDecoder().decode(await all(untar(pieces(bytes))))).toBe("x");
      await expect(all(untar(pieces(bytes), { name: "dir/link" }))).rejects.toMatchObject({
        message: '"dir/link" is a link to "dir/other" in the archive',
      });
    });
  }

  for (const format of ["gnu", "pax"]) {
    test.skipIf(noTar !== "")(`long names, ${format}${noTar}`, async () => {
      await using at = await directory();
      const name = `${"d".repeat(120)}/${"ä".repeat(100)}`;
      await Bun.write(join(at.path, name), "long");
      const bytes = run(["tar", "-C", at.path, `--format=${format}`, "-c", name]);
      expect(new TextDecoder().decode(await all(untar(pieces(bytes), { name })))).toBe("long");
    });
  }

  for (const format of ["v7", "gnu", "pax"]) {
    test.skipIf(noTar !== "")(`a link is no file: the error names the file, ${format}${noTar}`, async () => {
      await using at = await directory();
      const name = format === "v7" ? "images/disk.raw" : `${"d".repeat(120)}/disk.raw`;
      await Bun.write(join(at.path, name), "disk");
      run(["ln", join(at.path, name), join(at.path, "hard")]);
      run(["ln", "-s", name, join(at.path, "soft")]);
      const bytes = run(["tar", "-C", at.path, `--format=${format}`, "-c", name, "hard", "soft"]);
      for (const link of ["hard", "soft"])
        await expect(all(untar(pieces(bytes), { name: link }))).rejects.toMatchObject({
          code: "source.member",
          message: `"${link}" is a link to "${name}" in the archive`,
          hint: `use member = "${name}"`,
        });
      expect(new TextDecoder().decode(await all(untar(pieces(bytes), { name })))).toBe("disk");
    });
  }

  const SPARSE = [
    ["--format=gnu"],
    ["--format=oldgnu"],
    ["--format=pax", "--sparse-version=0.1"],
    ["--format=pax", "--sparse-version=1.0"],
  ] as const;
  for (const options of SPARSE) {
    test.skipIf(noTar !== "")(`sparse files, ${options.join(" ")}${noTar}`, async () => {
      await using at = await directory();
      const path = join(at.path, "disk.raw");
      const file = await open(path, "w");
      for (let part = 0; part < 30; part += 1) await file.write(disk(5000, part), 0, 5000, part * 30_000);
      await file.truncate(1_000_000);
      await file.close();
      const raw = await Bun.file(path).bytes();
      const bytes = run(["tar", "-C", at.path, ...options, "-S", "-c", "disk.raw"]);
      expect(bytes.length).toBeLessThan(500_000);
      expect(digestOf(await all(untar(pieces(bytes), { name: "disk.raw" })))).toBe(digestOf(raw));
      expect(await codeOf(all(untar(pieces(bytes), { limit: 999_999 })))).toBe("source.limit");
    });
  }

  test.skipIf(noTar !== "")(`the oldest sparse form is refused${noTar}`, async () => {
    await using at = await directory();
    const file = await open(join(at.path, "disk.raw"), "w");
    await file.write(disk(5000), 0, 5000, 1_000_000);
    await file.close();
    const bytes = run(["tar", "-C", at.path, "--format=pax", "--sparse-version=0.0", "-S", "-c", "disk.raw"]);
    expect(await codeOf(all(untar(pieces(bytes))))).toBe("source.format");
  });
});

describe("zip archives of every kind", () => {
  const made = async (options: readonly string[], raw: Uint8Array): Promise<Uint8Array> => {
    await using at = await directory();
    await Bun.write(join(at.path, "dir/disk.raw"), raw);
    await Bun.write(join(at.path, "dir/other"), "x".repeat(3000));
    const path = join(at.path, "it.zip");
    run(["sh", "-c", `cd '${at.path}' && zip -q -r ${options.join(" ")} it.zip dir/other dir`]);
    return await Bun.file(path).bytes();
  };
  const raw = disk(300_001);

  for (const options of [["-0"], ["-9"], ["-fz"], ["-0", "-fz"], ["-fd"], ["-fd", "-fz"], ["-D"]]) {
    test.skipIf(noZip !== "")(`zip ${options.join(" ")}${noZip}`, async () => {
      const bytes = await made(options, raw);
      const found = await all(unzip(pieces(bytes), { name: "dir/disk.raw" }));
      expect(digestOf(found)).toBe(digestOf(raw));
      expect(await all(unzip(pieces(bytes)))).toHaveLength(3000);
    });
  }

  test.skipIf(noZip !== "")(`what came through a pipe, with its sizes behind it${noZip}`, async () => {
    const bytes = run(["zip", "-q", "-", "-"], raw);
    expect(digestOf(await all(unzip(pieces(bytes))))).toBe(digestOf(raw));
    expect(await codeOf(all(unzip(pieces(bytes), { limit: raw.length - 1 })))).toBe("source.limit");
    expect(await codeOf(all(unzip(pieces(run(["zip", "-q", "-0", "-", "-"], raw)))))).toBe("source.format");
  });

  test.skipIf(noZip !== "")(`encryption and other methods are refused${noZip}`, async () => {
    expect(await codeOf(all(unzip(pieces(await made(["-P", "secret"], raw)))))).toBe("source.format");
    expect(await codeOf(all(unzip(pieces(await made(["-Z", "bzip2"], raw)))))).toBe("source.format");
  });

  test("a directory that contradicts the files is corrupt", async () => {
    const bytes = await fixture("disk.zip");
    const text = Buffer.from(bytes);
    const record = text.lastIndexOf("disk.raw");
    for (const change of [record, record - 46 + 16, record - 46 + 24, record - 46 + 42]) {
      const broken = bytes.slice();
      broken[change] = (broken[change] ?? 0) ^ 1;
      expect(await codeOf(all(unzip(pieces(broken), { name: "disk.raw" })))).toBe("source.corrupt");
    }
    const local = text.indexOf("disk.raw");
    const broken = bytes.slice();
    broken[local + 20] = (broken[local + 20] ?? 0) ^ 1;
    expect(await codeOf(all(unzip(pieces(broken), { name: "disk.raw" })))).toBe("source.corrupt");
  });
});
