import { expect, setDefaultTimeout, test } from "bun:test";
import { chmod, readdir, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { resolve } from "node:path";
import { judge, ratio, summed } from "../../bench/race/contest.ts";
import { merged, page, type Report } from "../../bench/race/report.ts";
import { ROWS } from "../../bench/race/rows.ts";
import { TestDirectory } from "../harness.ts";

setDefaultTimeout(300_000);

const BINARY = resolve("dist/images");
const why = (await Bun.file(BINARY).exists()) ? "" : " (skipped: dist/images is not built)";

/** A row of each kind; IMAGES_TEST_RACE=whole: all that need no server (a minute). */
const SMOKE =
  process.env["IMAGES_TEST_RACE"] === "whole"
    ? ROWS.filter(({ group }) => group === "local").map(({ name }) => name)
    : ["start-version", "url-store", "unpack-gz", "fan-out", "limit-copy"];

/** The benchmark as a process, with everything that it makes in the directory. */
function race(directory: TestDirectory, ...words: readonly string[]) {
  const argv = [process.execPath, "bench/main.ts", "race", "--smoke", "--no-install", "--mib", "8"];
  const places = ["--directory", directory.at("tmp"), "--memory", directory.at("tmp"), "--out", directory.at("out.md")];
  return Bun.spawn([...argv, ...places, ...words], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
}

async function raced(directory: TestDirectory, ...words: readonly string[]) {
  const child = race(directory, ...words);
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, out, err };
}

const report = async (directory: TestDirectory): Promise<Report> => await Bun.file(directory.at("out.json")).json();
const cost = (ms: number, peak = 1e6) => ({ ms, cpu: ms, peak });

test.skipIf(why !== "")(
  `the local rows on small files: one table, and nothing of this machine's paths in what is kept${why}`,
  async () => {
    await using directory = await TestDirectory.make();
    const said = await raced(directory, ...SMOKE);
    const { rows } = await report(directory);
    const failures = rows.flatMap(({ name, failed }) => (failed === undefined ? [] : [`${name}: ${failed}`]));
    expect(failures.filter((one) => !one.includes("is not installed"))).toEqual([]);
    expect(said.code).toBe(failures.length === 0 ? 0 : 1);
    expect(rows.map(({ name }) => name)).toEqual(
      ROWS.filter(({ name }) => SMOKE.includes(name)).map(({ name }) => name),
    );
    for (const { name, measured } of rows) {
      if (measured === undefined) continue;
      expect([name, measured.ours.length]).toEqual([name, name.startsWith("limit-") ? 0 : 1]);
      for (const { failed, theirs } of measured.lines)
        expect([name, failed?.includes("is not installed") ?? theirs.length]).toEqual([
          name,
          failed === undefined ? 1 : true,
        ]);
    }
    const text = await Bun.file(directory.at("out.md")).text();
    expect(said.out).toBe(text);
    const table = text.split("\n").filter((line) => line.startsWith("|"));
    expect(new Set(table.map((line) => line.split(" | ").length)).size).toBe(1);
    expect(table[0]).toContain("| row | peer | ours | peer's | ratio (of each round) | rounds | CPU ratio |");
    const kept = text + (await Bun.file(directory.at("out.json")).text());
    for (const path of [directory.path, resolve("."), homedir()]) expect(kept).not.toContain(`${path}/`);
    expect(await readdir(directory.at("tmp"))).toEqual([]);
  },
);

test.skipIf(why !== "")(
  `a row that is measured again takes the place of the older one, the others stay${why}`,
  async () => {
    await using directory = await TestDirectory.make();
    await raced(directory, "limit-copy", "limit-disk");
    const before = await report(directory);
    await raced(directory, "limit-copy", "--baseline", BINARY);
    const after = await report(directory);
    const at = (of: Report, name: string) => of.rows.find((row) => row.name === name)?.at;
    expect(after.rows.map(({ name }) => name)).toEqual(["limit-disk", "limit-copy"]);
    expect(at(after, "limit-disk")).toBe(at(before, "limit-disk") ?? "");
    expect(at(after, "limit-copy")).not.toBe(at(before, "limit-copy") ?? "");
  },
);

test("a program that fails is a row that says why; the rows after it are measured, and nothing is left", async () => {
  await using directory = await TestDirectory.make();
  await writeFile(
    directory.at("broken"),
    `#!/bin/sh\necho "broken in $PWD, see https://registry.example.com/x" >&2\nexit 3\n`,
  );
  await chmod(directory.at("broken"), 0o755);
  const said = await raced(directory, "url-store", "limit-copy", "--binary", directory.at("broken"));
  expect(said.code).toBe(1);
  const [first, second] = (await report(directory)).rows;
  expect(first?.failed).toBe("broken apply --yes exited with 3: broken in DIR/url-store/ours, see URL");
  expect(second?.measured?.lines[0]?.theirs.length).toBe(1);
  expect(said.out).toContain("| not measured: broken apply --yes exited with 3");
  expect(await readdir(directory.at("tmp"))).toEqual([]);
});

test("an interrupt ends what runs, keeps what was measured before and leaves nothing", async () => {
  await using directory = await TestDirectory.make();
  const stuck = `#!/bin/sh\necho $$ >${directory.at("stuck.pid")}\nexec sleep 600\n`;
  await writeFile(directory.at("stuck"), stuck);
  await chmod(directory.at("stuck"), 0o755);
  const early = await raced(directory, "url-store", "--binary", "/bin/false");
  expect(early.code).toBe(1);
  const before = await report(directory);
  const child = race(directory, "url-store", "limit-copy", "--binary", directory.at("stuck"));
  const pid = async () =>
    Number(
      await Bun.file(directory.at("stuck.pid"))
        .text()
        .catch(() => ""),
    );
  while ((await pid()) === 0) await Bun.sleep(5);
  child.kill("SIGINT");
  expect(await child.exited).toBe(130);
  // The signal is on its way to it, and it is perhaps not collected by the system.
  const isOver = async () =>
    /^State:\s+(?:Z|X|gone)/m.test(
      await Bun.file(`/proc/${await pid()}/status`)
        .text()
        .catch(() => "State: gone"),
    );
  while (!(await isOver())) await Bun.sleep(5);
  expect(await report(directory)).toEqual(before);
  expect(await readdir(directory.at("tmp"))).toEqual([]);
});

test.skipIf(why !== "")(`--profile keeps a flame graph and where the time goes, without paths${why}`, async () => {
  await using directory = await TestDirectory.make();
  expect((await raced(directory, "plan-10000", "--profile")).code).toBe(0);
  const [page, svg] = [directory.at("profiles", "plan-10000.md"), directory.at("profiles", "plan-10000.svg")];
  const text = (await Bun.file(page).text()) + (await Bun.file(svg).text());
  // Which of them are in it is chance: a plan of 100 images has few samples.
  expect(text).toMatch(/\| src\/core\/\w+ \|/);
  expect(text).toContain("<svg ");
  for (const path of [directory.path, resolve("."), homedir()]) expect(text).not.toContain(`${path}/`);
  expect(await Bun.file(directory.at("out.json")).exists()).toBe(false);
});

test("a word that is no row is refused; without words the benchmarks are listed", async () => {
  await using directory = await TestDirectory.make();
  const said = await raced(directory, "nothing");
  expect([said.code, said.err]).toEqual([64, "race: there is no row nothing: bun run bench race --list\n"]);
  const listed = Bun.spawnSync([process.execPath, "bench/main.ts"]);
  expect(listed.stdout.toString()).toContain("bun run bench race [ROW…]");
  expect(listed.exitCode).toBe(0);
});

test("medians, ratios of rounds, and each limit of a goal", () => {
  const ours = [cost(10, 5e6), cost(30, 9e6), cost(20, 7e6)];
  const theirs = [cost(20), cost(40), cost(50)];
  expect(summed(ours)).toEqual({ ms: 20, cpu: 20, peak: 9e6 });
  expect(ratio(ours, theirs, ({ ms }) => ms)).toEqual({ of: 0.5, least: 0.4, most: 0.75 });
  expect(judge({ ratio: 0.5, cpu: 0.5, ms: 20, peak: 9 }, ours, theirs)).toEqual({ met: true, missed: [] });
  const strict = { ratio: 0.4, cpu: 0.4, ms: 19, peak: 8 };
  expect(judge(strict, ours, theirs)?.missed).toEqual(["time", "CPU", "ms", "peak"]);
  expect(judge({ ratio: 0.5 }, ours, [])).toBeUndefined();
  expect(judge({}, ours, theirs)).toBeUndefined();
});

test("the page says what could not be had", () => {
  const machine = {
    cpu: "c",
    cores: 2,
    memory: "1 GiB",
    kernel: "6",
    bun: "1",
    disk: "ext4",
    fast: "tmpfs",
    versions: {},
  };
  const common = { title: "t", at: "2026-01-02T03:04:05.000Z", commit: "abc", mib: 1, rounds: 1, load: 0 };
  const measured = {
    ours: [cost(1)],
    before: [],
    lines: [{ peer: "pigz", goal: { ratio: 1 }, theirs: [], failed: "pigz is not installed" }],
  };
  const first = merged(undefined, machine, { ...common, name: "b", measured }, ["a", "b"]);
  const both = merged(first, machine, { ...common, name: "a", failed: "needs root" }, ["a", "b"]);
  const lines = page(both).split("\n");
  expect(lines.filter((line) => /^\| [ab]: /.test(line))).toEqual([
    "| a: t | not measured: needs root |  |  |  |  |  |  |  |  |",
    "| b: t | pigz (not measured: pigz is not installed) | 1.0 ms | - | - | 0 | - | 1 MB / - | <= 1.00 | - |",
  ]);
});
