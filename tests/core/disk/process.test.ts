import { expect, test } from "bun:test";
import { mkdir, readFile } from "node:fs/promises";
import { type Identity, identity, isDead, life, probe, probeIn } from "../../../src/core/disk/process.ts";
import { TestDirectory } from "../../harness.ts";

const me: Identity = { host: "build", pid: 10, started: "m1/boot1/ns1/500" };
const gone = () => undefined;
const runs = () => ({ ticks: "700" });
const unseen = () => ({});

const table: [what: string, holder: Identity, probe: typeof probe, life: ReturnType<typeof life>][] = [
  ["another host", { ...me, host: "other" }, gone, "elsewhere"],
  ["another machine of the same name", { ...me, started: "m2/boot2/ns1/700" }, gone, "elsewhere"],
  ["another container of this kernel", { ...me, started: "m1/boot1/ns2/700" }, gone, "elsewhere"],
  ["a former boot", { ...me, started: "m1/boot0/ns1/700" }, runs, "dead"],
  ["no such process", { ...me, pid: 11, started: "m1/boot1/ns1/700" }, gone, "dead"],
  ["the process itself", { ...me, pid: 11, started: "m1/boot1/ns1/700" }, runs, "alive"],
  ["its pid, given to another process", { ...me, pid: 11, started: "m1/boot1/ns1/300" }, runs, "dead"],
  ["a process whose start nobody tells", { ...me, pid: 11, started: "m1/boot1/ns1/300" }, unseen, "alive"],
  ["a lock that does not tell what we know", { host: "build", pid: 11 }, gone, "elsewhere"],
  ["a lock that tells it in another way", { host: "build", pid: 11, started: "1700000000" }, gone, "elsewhere"],
];

test.each(table)("the holder is %s", (_, holder, ask, expected) => {
  expect(life(holder, me, ask)).toBe(expected);
  expect(isDead(holder, me, ask)).toBe(expected === "dead");
});

test("without start times the pid decides", () => {
  const plain = { host: "build", pid: 10 };
  expect(life({ host: "build", pid: 11 }, plain, gone)).toBe("dead");
  expect(life({ host: "build", pid: 11 }, plain, unseen)).toBe("alive");
});

test("machines without an id: another boot may be another machine", () => {
  const bare = { ...me, started: "-/boot1/ns1/500" };
  expect(life({ ...bare, started: "-/boot0/ns1/1" }, bare, gone)).toBe("elsewhere");
});

test("this process is alive to itself; an ended process is not", async () => {
  expect(life(identity(), identity(), probe)).toBe("alive");
  const child = Bun.spawn(["sh", "-c", "read x"], { stdin: "pipe" });
  expect(probe(child.pid)).toBeDefined();
  child.kill("SIGKILL");
  await child.exited;
  expect(probe(child.pid)).toBeUndefined();
});

/** A line of proc(5) with this status, of a program whose name looks like one. */
const line = (status: string, threads: number) =>
  `${process.pid} (a) Z b) ${status} 1 ${"0 ".repeat(15)}${threads} 0 4711 0`;

test.each([
  ["S", 1, { ticks: "4711" }],
  ["R", 4, { ticks: "4711" }],
  ["Z", 1, undefined],
  ["Z", 0, undefined],
  ["Z", 2, { ticks: "4711" }],
  ["X", 1, undefined],
])("a process whose status is %s, with %d threads", async (status, threads, expected) => {
  await using proc = await TestDirectory.make();
  await mkdir(proc.at(String(process.pid)));
  await proc.write(`${process.pid}/stat`, line(status, threads));
  expect(probeIn(proc.path, process.pid)).toEqual(expected);
});

test("a process that goes while it is looked at is gone; one that cannot be looked at is there", async () => {
  await using proc = await TestDirectory.make();
  const answers = [true, false];
  expect(probeIn(proc.path, process.pid, () => answers.shift() ?? false)).toBeUndefined();
  expect(probeIn(proc.path, process.pid, () => true)).toEqual({});
});

test.if(process.platform === "linux")(
  "a process that ended, and that its parent does not wait for, is gone",
  async () => {
    // The shell becomes a program that waits for no child.
    await using parent = Bun.spawn(["sh", "-c", "sleep 60 & echo $!; exec sleep 60"], {
      stdin: "pipe",
      stdout: "pipe",
    });
    const { value } = await parent.stdout.getReader().read();
    const pid = Number(new TextDecoder().decode(value));
    expect(pid).toBeGreaterThan(1);
    process.kill(pid, "SIGKILL");
    // Its parent, while that is a shell still, or the system may take it away; else it stays as a zombie.
    const status = () => readFile(`/proc/${pid}/stat`, "utf8").catch(() => ") Z ");
    while (!(await status()).includes(") Z ")) await Bun.sleep(1);
    expect(probe(pid)).toBeUndefined();
  },
);
