import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmod, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { bytesOf } from "../../../src/core/format/bytes.ts";
import { convert } from "../../../src/core/format/convert.ts";
import { identifyFile } from "../../../src/core/format/identify-file.ts";
import { planTransform } from "../../../src/core/format/plan.ts";
import { transform } from "../../../src/core/format/transform.ts";
import { all, codeOf, digestOf, directory, disk, FIXTURES, has, pieces, qemu, random, run } from "./tools.ts";

setDefaultTimeout(300_000);

const RAW = { formats: ["raw"], compressions: ["none"] } as const;
const QCOW2 = { formats: ["qcow2"], compressions: ["none"] } as const;
const missing = has("qemu-img") ? "" : " (skipped: qemu-img is not installed)";
/** A size that the geometry of a vhd can say; corpus.test.ts has the larger ones. */
const SIZE = 16 * 63 * 512 * 10;
const raw = disk(SIZE, 4);
const small = raw.subarray(0, 1 << 20);

const KINDS: Readonly<Record<string, readonly string[]>> = {
  "vmdk, monolithic sparse": ["vmdk", "-o", "subformat=monolithicSparse"],
  "vmdk, stream-optimized": ["vmdk", "-o", "subformat=streamOptimized"],
  "vhd, dynamic": ["vpc", "-o", "subformat=dynamic,force_size=on"],
  "vhd, fixed": ["vpc", "-o", "subformat=fixed,force_size=on"],
  vhdx: ["vhdx"],
  vdi: ["vdi"],
  qed: ["qed"],
  parallels: ["parallels"],
};

async function made(kind: readonly string[], to: string, bytes = raw): Promise<void> {
  await Bun.write(`${to}.raw`, bytes);
  qemu("convert", "-f", "raw", "-O", ...kind, `${to}.raw`, to);
}

test("without qemu-img the error names the package", () => {
  const plan = () => planTransform({ layers: [], format: "vmdk" }, RAW, { qemu: false });
  expect(plan).toThrow("which is not installed");
  expect(plan).toThrow(expect.objectContaining({ code: "source.format", hint: expect.stringContaining("qemu-utils") }));
  expect(planTransform({ layers: ["gz"], format: "vdi" }, QCOW2, { qemu: true })).toMatchObject({
    steps: ["gunzip", "vdi->qcow2"],
    format: "qcow2",
  });
  const anything = { formats: ["vmdk", "raw"], compressions: "any" } as const;
  expect(planTransform({ layers: [], format: "vmdk" }, anything, { qemu: false })).toMatchObject({ steps: [] });
});

describe.skipIf(missing !== "")(`disks of other programs${missing}`, () => {
  for (const [name, kind] of Object.entries(KINDS)) {
    test(`${name}: to raw and to qcow2, from a file and from a stream`, async () => {
      await using at = await directory();
      const path = join(at.path, "image");
      const work = join(at.path, "work");
      run(["mkdir", "-m", "700", work]);
      await made(kind, path);
      await chmod(path, 0o600);
      const detected = await identifyFile(path);
      const bytes = await Bun.file(path).bytes();
      for (const input of [
        { kind: "file", path },
        { kind: "stream", bytes: pieces(bytes, 300_000) },
      ] as const) {
        const plan = planTransform(detected, RAW);
        expect(plan.steps).toHaveLength(1);
        const out = await all(transform(input, plan, { target: RAW, directory: work }));
        expect(Buffer.compare(out, raw)).toBe(0);
      }
      const plan = planTransform(detected, QCOW2);
      const image = await all(transform({ kind: "file", path }, plan, { target: QCOW2, directory: work }));
      const back = planTransform({ layers: [], format: "qcow2" }, RAW);
      const disk = await all(
        transform({ kind: "stream", bytes: bytesOf(image) }, back, { target: RAW, directory: work }),
      );
      expect(Buffer.compare(disk, raw)).toBe(0);
      expect(await readdir(work)).toEqual([]);
    });
  }

  test("a disk inside of an archive", async () => {
    await using at = await directory();
    await made(["vmdk", "-o", "subformat=streamOptimized"], join(at.path, "disk.vmdk"));
    run(["tar", "-C", at.path, "-czf", join(at.path, "a.tgz"), "disk.vmdk"]);
    const path = join(at.path, "a.tgz");
    const plan = planTransform(await identifyFile(path, { member: "disk.vmdk" }), RAW);
    const options = { target: RAW, member: "disk.vmdk", directory: at.path };
    expect(digestOf(await all(transform({ kind: "file", path }, plan, options)))).toBe(digestOf(raw));
  });

  test("broken at random places: a failure or a disk, and nothing is left", async () => {
    await using at = await directory();
    const next = random(9);
    for (const [format, kind] of [
      ["vmdk", ["vmdk"]],
      ["vdi", ["vdi"]],
      ["vhdx", ["vhdx"]],
      ["qed", ["qed"]],
    ] as const) {
      await made(kind, join(at.path, "image"), small);
      const whole = await Bun.file(join(at.path, "image")).bytes();
      await using work = await directory();
      for (let round = 0; round < 6; round += 1) {
        const bytes = whole.slice(0, round === 5 ? whole.length >> 1 : whole.length);
        for (let changes = 0; changes < 4; changes += 1) bytes[next() % Math.min(bytes.length, 4096)] = next() & 0xff;
        const code = await codeOf(all(convert(bytesOf(bytes), `${format}->raw`, { directory: work.path })));
        expect(["none", "source.format", "source.corrupt", "source.truncated", "source.limit"]).toContain(code);
      }
      expect(await readdir(work.path)).toEqual([]);
    }
  });

  test("cut off, it is no disk with zeros at its end", async () => {
    await using at = await directory();
    await using work = await directory();
    const full = disk(3 << 20, 6).map((byte) => byte | 1);
    for (const [format, kind] of [
      ["vmdk", ["vmdk"]],
      ["vmdk", ["vmdk", "-o", "subformat=streamOptimized"]],
      ["vdi", ["vdi"]],
      ["vhdx", ["vhdx"]],
      ["vhd", ["vpc"]],
      ["qed", ["qed"]],
      ["parallels", ["parallels"]],
    ] as const) {
      await Bun.write(join(at.path, "raw"), full);
      qemu("convert", "-f", "raw", "-O", ...kind, join(at.path, "raw"), join(at.path, "image"));
      const whole = await Bun.file(join(at.path, "image")).bytes();
      // A vhdx ends with room that belongs to no disk.
      const cut = whole.subarray(0, whole.length - (format === "vhdx" ? 9 : 1) * 700_000);
      const code = await codeOf(all(convert(bytesOf(cut), `${format}->raw`, { directory: work.path })));
      expect([kind, ["source.format", "source.truncated", "source.corrupt"].includes(code)]).toEqual([kind, true]);
    }
  });

  test("a disk of 0 bytes is none: nothing is made of it", async () => {
    await using at = await directory();
    for (const kind of ["qcow2", "vmdk", "vdi", "vhdx"] as const) {
      const path = join(at.path, kind);
      qemu("create", "-f", kind, path, "0");
      const rawOf = async () => {
        const plan = planTransform(await identifyFile(path), RAW);
        return await all(transform({ kind: "file", path }, plan, { target: RAW, directory: at.path }));
      };
      expect([kind, await codeOf(rawOf())]).toEqual([kind, "source.format"]);
    }
  });

  test("a disk beyond the limit, an image on another, and a signal", async () => {
    await using at = await directory();
    await using work = await directory();
    const named = (name: string): string => join(at.path, name);
    qemu("create", "-q", "-f", "vdi", named("large.vdi"), 1 << 30);
    const large = await Bun.file(named("large.vdi")).bytes();
    const options = { directory: work.path };
    const limit = 100 << 20;
    expect(await codeOf(all(convert(bytesOf(large), "vdi->raw", { ...options, limit })))).toBe("source.limit");
    qemu("create", "-q", "-f", "qed", "-b", named("large.vdi"), "-F", "raw", named("on.qed"));
    const on = await Bun.file(named("on.qed")).bytes();
    expect(await codeOf(all(convert(bytesOf(on), "qed->raw", options)))).toBe("source.format");
    const stop = new AbortController();
    async function* stopping(): AsyncGenerator<Uint8Array> {
      yield large;
      stop.abort(new Error("interrupted"));
    }
    const work2 = all(convert(stopping(), "vdi->raw", { ...options, signal: stop.signal }));
    await expect(work2).rejects.toThrow("interrupted");
    expect(await readdir(work.path)).toEqual([]);
  });
});

test("qemu-img runs as nobody, within limits, with its own few variables, and a signal ends it", async () => {
  // Where `nobody` may go: a TMPDIR may be root's alone.
  const at = { path: await mkdtemp("/tmp/images-qemu-") };
  await using work = await directory();
  const fifo = join(at.path, "fifo");
  run(["mkfifo", "-m", "666", fifo]);
  const lines = ["#!/bin/sh", `(id -u; ulimit -v; ulimit -t; env | grep -c SECRET; pwd) > ${fifo}`, "exec sleep 1000"];
  await Bun.write(join(at.path, "qemu-img"), lines.join("\n"));
  for (const path of [at.path, join(at.path, "qemu-img")]) await chmod(path, 0o755);
  const { PATH = "" } = process.env;
  process.env["PATH"] = `${at.path}:${PATH}`;
  process.env["IMAGES_TEST_SECRET"] = "SECRET";
  try {
    const stop = new AbortController();
    const reader = Bun.spawn(["cat", fifo], { stdout: "pipe" });
    const bytes = new Uint8Array(await Bun.file(join(FIXTURES, "disk.vhd.head")).arrayBuffer());
    const running = all(convert(bytesOf(bytes), "vhd->raw", { directory: work.path, signal: stop.signal }));
    const failed = running.catch((thrown: unknown) => thrown);
    void failed.then(() => reader.kill());
    const [user, memory, time, secrets, place] = (await new Response(reader.stdout).text()).trim().split("\n");
    stop.abort(new Error("interrupted"));
    expect(await failed).toEqual(new Error("interrupted"));
    if (process.getuid?.() === 0) expect(user).toBe("65534");
    expect([Number(memory), Number(time), secrets]).toEqual([2 << 20, 4 * 3600, "0"]);
    expect(place).toStartWith(work.path);
    expect(await readdir(work.path)).toEqual([]);
  } finally {
    process.env["PATH"] = PATH;
    delete process.env["IMAGES_TEST_SECRET"];
    await rm(at.path, { recursive: true });
  }
});

test("a qemu-img that is a script ends with all that it has started", async () => {
  const at = { path: await mkdtemp("/tmp/images-qemu-") };
  await using work = await directory();
  const fifo = join(at.path, "fifo");
  run(["mkfifo", "-m", "666", fifo]);
  // The child of the script holds the script's stdout, and the fifo.
  await Bun.write(join(at.path, "qemu-img"), `#!/bin/sh\nexec 3> ${fifo}\necho begun >&3\nsleep 1000\ntrue\n`);
  for (const path of [at.path, join(at.path, "qemu-img")]) await chmod(path, 0o755);
  const { PATH = "" } = process.env;
  process.env["PATH"] = `${at.path}:${PATH}`;
  try {
    const stop = new AbortController();
    const reader = Bun.spawn(["cat", fifo], { stdout: "pipe" });
    const bytes = new Uint8Array(await Bun.file(join(FIXTURES, "disk.vhd.head")).arrayBuffer());
    const running = all(convert(bytesOf(bytes), "vhd->raw", { directory: work.path, signal: stop.signal }));
    const failed = running.catch((thrown: unknown) => thrown);
    void failed.then(() => {
      if (!stop.signal.aborted) reader.kill();
    });
    const pieces = reader.stdout.getReader();
    await pieces.read();
    stop.abort(new Error("interrupted"));
    expect(await failed).toEqual(new Error("interrupted"));
    // The end of the fifo: nobody is left that holds it.
    expect((await pieces.read()).done).toBe(true);
    expect(await readdir(work.path)).toEqual([]);
  } finally {
    process.env["PATH"] = PATH;
    await rm(at.path, { recursive: true });
  }
});

const alone = has("unshare") && Bun.spawnSync(["unshare", "-r", "true"]).success;
test.skipIf(!alone || missing !== "")(
  `in a namespace whose only user is root, qemu-img runs as that one${alone ? missing : " (skipped: unshare -r does not work here)"}`,
  async () => {
    await using at = await directory();
    await made(["vdi"], join(at.path, "image"));
    const program = [
      `import { convert } from ${JSON.stringify(join(import.meta.dir, "../../../src/core/format/convert.ts"))};`,
      "const hash = new Bun.CryptoHasher('sha256');",
      `const bytes = Bun.file(${JSON.stringify(join(at.path, "image"))}).stream();`,
      `for await (const piece of convert(bytes, "vdi->raw", { directory: ${JSON.stringify(at.path)} })) hash.update(piece);`,
      "console.log(hash.digest('hex'));",
    ].join("\n");
    const said = run(["unshare", "-r", process.execPath, "-e", program]);
    expect(new TextDecoder().decode(said).trim()).toBe(digestOf(raw));
  },
);

test("a qemu-img that its user may not start is an error, and the directory that it works in may be below one of root's alone", async () => {
  await using at = await directory();
  const { PATH = "" } = process.env;
  await mkdir(join(at.path, "bin"));
  await Bun.write(join(at.path, "bin", "qemu-img"), "#!/bin/sh\ntrue\n");
  await chmod(join(at.path, "bin", "qemu-img"), 0o755);
  await chmod(at.path, 0o700);
  const work = join(at.path, "work");
  await mkdir(work);
  const bytes = new Uint8Array(await Bun.file(join(FIXTURES, "disk.vhd.head")).arrayBuffer());
  process.env["PATH"] = `${join(at.path, "bin")}:${PATH}`;
  try {
    if (process.getuid?.() === 0) {
      const said = await all(convert(bytesOf(bytes), "vhd->raw", { directory: work })).catch(
        (thrown: unknown) => thrown,
      );
      expect(String(said)).toContain("Permission denied");
    }
  } finally {
    process.env["PATH"] = PATH;
  }
  expect(await readdir(work)).toEqual([]);
});
