import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { bytesOf } from "../../../src/core/format/bytes.ts";
import { compress, decompress } from "../../../src/core/format/compression.ts";
import { type Detected, identifyHead } from "../../../src/core/format/identify.ts";
import { identifyFile } from "../../../src/core/format/identify-file.ts";
import { planTransform, type TransformTarget } from "../../../src/core/format/plan.ts";
import { plain, sparse, writeSparse } from "../../../src/core/format/segment.ts";
import { transform } from "../../../src/core/format/transform.ts";
import { all, codeOf, digestOf, directory, FIXTURES, fixtureDisk, pieces } from "./tools.ts";

setDefaultTimeout(300_000);

const RAW: TransformTarget = { formats: ["raw"], compressions: ["none"] };
const ANY: TransformTarget = { formats: "any", compressions: "any" };
const target = (format: string, compression: string): TransformTarget => {
  const formats = (["raw", "qcow2", "iso", "tar"] as const).filter((one) => format.split("|").includes(one));
  const compressions = (["none", "gz", "bz2", "xz", "zst"] as const).filter((one) =>
    compression.split("|").includes(one),
  );
  return { formats, compressions };
};
const fixture = (name: string): Promise<Uint8Array> => Bun.file(join(FIXTURES, name)).bytes();

describe("a plan says what is to be done", () => {
  const qcow2: Detected = { layers: [], format: "qcow2", virtualSize: 5000, size: 900 };
  const raw: Detected = { layers: [], format: "raw", size: 5000 };
  const table: readonly (readonly [string, Detected, TransformTarget, object])[] = [
    ["anything is taken", qcow2, ANY, { steps: [], format: "qcow2", compression: "none", onePass: true, size: 900 }],
    ["qcow2 is taken", qcow2, target("raw|qcow2", "none"), { steps: [], size: 900 }],
    ["qcow2 for raw", qcow2, RAW, { steps: ["qcow2->raw"], format: "raw", onePass: true, size: 5000 }],
    [
      "qcow2 for raw.gz",
      qcow2,
      target("raw", "gz"),
      { steps: ["qcow2->raw", "gzip"], format: "raw", compression: "gz" },
    ],
    ["raw for raw.gz", raw, target("raw", "gz"), { steps: ["gzip"] }],
    ["raw for xz or zst", raw, target("raw", "xz|zst"), { steps: ["xz"], compression: "xz" }],
    ["raw for bz2 or zst", raw, target("raw", "bz2|zst"), { steps: ["zstd"], compression: "zst" }],
    ["raw for qcow2", raw, target("qcow2", "none"), { steps: ["raw->qcow2"], format: "qcow2", onePass: false }],
    ["raw.gz is taken", { layers: ["gz"], format: "raw", size: 7 }, ANY, { steps: [], compression: "gz", size: 7 }],
    ["raw.gz for gz", { layers: ["gz"], format: "raw" }, target("raw", "gz"), { steps: [], compression: "gz" }],
    ["raw.gz for none", { layers: ["gz"], format: "raw" }, RAW, { steps: ["gunzip"], compression: "none" }],
    ["raw.xz for gz", { layers: ["xz"], format: "raw" }, target("raw", "gz"), { steps: ["unxz", "gzip"] }],
    ["raw.bz2 for none or gz", { layers: ["bz2"], format: "raw" }, target("raw", "gz|none"), { steps: ["bunzip2"] }],
    [
      "qcow2.zst for raw.gz",
      { layers: ["zst"], format: "qcow2" },
      target("raw", "gz"),
      { steps: ["unzstd", "qcow2->raw", "gzip"] },
    ],
    ["tar.xz is taken", { layers: ["xz"], format: "tar" }, target("tar", "xz"), { steps: [], format: "tar" }],
    ["tar.gz with a member", { layers: ["gz", "tar"], format: "raw" }, RAW, { steps: ["gunzip", "untar"] }],
    [
      "tar with a member, for gz",
      { layers: ["tar"], format: "raw" },
      target("raw", "gz"),
      { steps: ["untar", "gzip"] },
    ],
    ["zip of qcow2", { layers: ["zip"], format: "qcow2" }, RAW, { steps: ["unzip", "qcow2->raw"] }],
    [
      "tar of what is not seen yet",
      { layers: ["gz", "tar"], format: undefined },
      RAW,
      { steps: ["gunzip", "untar"], open: true, format: undefined },
    ],
    ["twice packed", { layers: ["gz", "xz"], format: "raw" }, ANY, { steps: ["gunzip", "unxz"], compression: "none" }],
  ];
  for (const [name, detected, wanted, plan] of table) {
    test(name, () => expect(planTransform(detected, wanted)).toMatchObject(plan));
  }

  test("and refuses what there is no way for", async () => {
    const refused = (detected: Detected, wanted: TransformTarget): Promise<string> =>
      codeOf((async () => planTransform(detected, wanted, { qemu: false }))());
    expect(await refused({ layers: [], format: "vmdk" }, RAW)).toBe("source.format");
    expect(await refused({ layers: [], format: "tar" }, RAW)).toBe("source.format");
    expect(await refused({ layers: [], format: "iso" }, target("qcow2", "none"))).toBe("source.format");
    expect(await refused(raw, target("raw", "bz2"))).toBe("source.format");
  });

  test("a stream of known size becomes qcow2 in one pass where nothing can be stored", () => {
    expect(planTransform(raw, target("qcow2", "none"), { directory: false }).onePass).toBe(true);
    const packed: Detected = { layers: ["gz"], format: "raw", size: 5000 };
    expect(planTransform(packed, target("qcow2", "none"), { directory: false }).onePass).toBe(false);
  });
});

describe("a transform", () => {
  const NAMES = ["v2.qcow2", "zstd.qcow2", "disk.raw.gz", "disk.raw.bz2", "disk.raw.xz", "disk.raw.zst"];

  test("gives the plain disk, from a file and from a stream", async () => {
    await using at = await directory();
    for (const name of NAMES) {
      const path = join(FIXTURES, name);
      const plan = planTransform(await identifyFile(path), RAW);
      const options = { target: RAW, directory: at.path };
      const bytes = pieces(await fixture(name));
      expect(digestOf(await all(transform({ kind: "file", path }, plan, options)))).toBe(digestOf(fixtureDisk()));
      expect(digestOf(await all(transform({ kind: "stream", bytes }, plan, options)))).toBe(digestOf(fixtureDisk()));
    }
  });

  test("finds out on the way what a member is", async () => {
    const inner = await fixture("v3.qcow2");
    await using at = await directory();
    await Bun.write(join(at.path, "big"), new Uint8Array(4 << 20));
    const header = (await fixture("disk.tar")).slice(1024, 1536);
    for (const [name, size] of [
      ["big", 4 << 20],
      ["disk.img", inner.length],
    ] as const) {
      const block = header.slice().fill(0, 0, 100);
      block.set(new TextEncoder().encode(name));
      block.set(new TextEncoder().encode(size.toString(8).padStart(11, "0")), 124);
      block.fill(32, 148, 156);
      const sum = block.reduce((total, byte) => total + byte, 0);
      block.set(new TextEncoder().encode(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
      await Bun.write(join(at.path, `${name}.header`), block);
    }
    const part = (name: string): Promise<Uint8Array> => Bun.file(join(at.path, name)).bytes();
    const tar = [
      await part("big.header"),
      await part("big"),
      await part("disk.img.header"),
      inner,
      new Uint8Array(1024),
    ];
    const noise = new Bun.CryptoHasher("sha256").update("noise").digest();
    tar[1]?.forEach((_, index, bytes) => {
      bytes[index] = (noise[index % 32] ?? 0) ^ (index >> 5) ^ (index >> 13);
    });
    const packed = await all(compress("gz", bytesOf(...tar), { level: 1 }));
    const detected = await identifyHead(packed.subarray(0, 1 << 19), { member: "disk.img" });
    expect(detected.format).toBeUndefined();
    const plan = planTransform(detected, RAW);
    const options = { target: RAW, member: "disk.img", directory: at.path };
    const disk = await all(transform({ kind: "stream", bytes: pieces(packed, 1 << 18) }, plan, options));
    expect(digestOf(disk)).toBe(digestOf(fixtureDisk()));
    let closed = false;
    async function* input(): AsyncGenerator<Uint8Array> {
      try {
        yield* pieces(packed, 1 << 18);
      } finally {
        closed = true;
      }
    }
    const iso: TransformTarget = { formats: ["iso"], compressions: ["none"] };
    expect(await codeOf(all(transform({ kind: "stream", bytes: input() }, plan, { ...options, target: iso })))).toBe(
      "source.format",
    );
    expect(closed).toBe(true);
  });

  test("goes all the way round", async () => {
    await using at = await directory();
    const wanted = target("qcow2", "zst");
    const bytes = await fixture("disk.raw.xz");
    const plan = planTransform(await identifyHead(bytes), wanted);
    expect(plan.steps).toEqual(["unxz", "raw->qcow2", "zstd"]);
    const made = await all(
      transform({ kind: "stream", bytes: pieces(bytes) }, plan, { target: wanted, directory: at.path }),
    );
    const detected = await identifyHead(made);
    expect(detected).toMatchObject({ layers: ["zst"], format: "qcow2", virtualSize: fixtureDisk().length });
    const back = planTransform(detected, RAW);
    const input = { kind: "stream", bytes: pieces(made) } as const;
    expect(digestOf(await all(transform(input, back, { target: RAW, directory: at.path })))).toBe(
      digestOf(fixtureDisk()),
    );
    expect(await readdir(at.path)).toEqual([]);
    const nowhere = { kind: "stream", bytes: pieces(bytes) } as const;
    expect(await codeOf(all(transform(nowhere, plan, { target: wanted })))).toBe("source.order");
  });

  test("leaves out zeros for a target that can do without", async () => {
    await using at = await directory();
    const raw = new Uint8Array(3 << 20);
    raw.set(fixtureDisk(), 1 << 20);
    const packed = await all(compress("gz", bytesOf(raw)));
    const plan = planTransform(await identifyHead(packed), RAW);
    const segments = () => sparse(transform({ kind: "stream", bytes: pieces(packed) }, plan, { target: RAW }));
    expect(digestOf(await all(plain(segments())))).toBe(digestOf(raw));
    const path = join(at.path, "sparse");
    const file = await open(path, "w");
    expect(await writeSparse(file, segments())).toBe(raw.length);
    const { blocks } = await file.stat();
    await file.close();
    if (process.platform === "linux") expect(blocks * 512).toBeLessThan(1 << 20);
    expect(digestOf(await Bun.file(path).bytes())).toBe(digestOf(raw));
  });

  test("stops at a signal and closes its input", async () => {
    const stop = new AbortController();
    let closed = false;
    const bytes = await fixture("disk.raw.gz");
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield* decompress("gz", bytesOf(bytes));
      } finally {
        closed = true;
      }
    }
    const wanted = target("raw", "gz");
    const plan = planTransform({ layers: [], format: "raw" }, wanted);
    const run = async (): Promise<void> => {
      const input = { kind: "stream", bytes: endless() } as const;
      let count = 0;
      for await (const _ of transform(input, plan, { target: wanted, signal: stop.signal })) {
        count += 1;
        if (count === 2) stop.abort(new Error("enough"));
      }
    };
    await expect(run()).rejects.toThrow("enough");
    expect(closed).toBe(true);
  });

  test("has a limit in every step", async () => {
    const limit = fixtureDisk().length - 1;
    for (const name of [...NAMES, "disk.zip", "disk.tar"]) {
      const member = name === "disk.zip" || name === "disk.tar" ? "disk.raw" : undefined;
      const bytes = await fixture(name);
      const plan = planTransform(await identifyHead(bytes, { member }), RAW);
      const options = { target: RAW, member, limit };
      expect(await codeOf(all(transform({ kind: "stream", bytes: bytesOf(bytes) }, plan, options)))).toBe(
        "source.limit",
      );
    }
  });
});
