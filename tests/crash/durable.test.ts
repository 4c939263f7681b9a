import { expect, test } from "bun:test";
import { rm } from "node:fs/promises";
import { resolve } from "node:path";
import { TestDirectory } from "../harness.ts";

// What is promised to survive a power cut is synced before it is relied on: the calls of a real apply, in their order.

const MAIN = resolve("src/cli/main.ts");
const JOURNAL = /^sync \.images\/journal\/.*\.jsonl$/;
const hasStrace = Bun.which("strace") !== null;

/** The calls of an apply that make something durable or visible: `sync PATH`, `name PATH`, `link PATH`. */
async function calls(directory: TestDirectory): Promise<readonly string[]> {
  const log = directory.at("calls");
  const trace = [
    "strace",
    "-f",
    "--seccomp-bpf",
    "-y",
    "-qq",
    "-o",
    log,
    "-e",
    "trace=fsync,fdatasync,openat,write,rename,renameat,renameat2,link,linkat",
  ];
  const child = Bun.spawn([...trace, process.execPath, MAIN, "apply", "--yes"], {
    cwd: directory.path,
    env: { ...process.env, HOME: directory.path, XDG_STATE_HOME: directory.at("scratch") },
    stdout: "ignore",
    stderr: "pipe",
  });
  const [said, code] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  if (code !== 0) throw new Error(said);
  const own = (path: string) => path.replace(`${directory.path}/`, "").replaceAll(/\.[0-9a-f]{12}\.tmp$/g, ".tmp");
  // Files each of whose writes is a sync.
  const writeThrough = new Set<string>();
  return (await Bun.file(log).text()).split("\n").flatMap((line) => {
    const [, opened] = /\bopenat\(.*"([^"]+)", [^)]*\bO_SYNC\b/.exec(line) ?? [];
    if (opened !== undefined) writeThrough.add(opened);
    const [, written] = /\bwrite\(\d+<([^>]+)>/.exec(line) ?? [];
    if (written !== undefined) return writeThrough.has(written) ? [`sync ${own(written)}`] : [];
    const [, synced] = /\b(?:fsync|fdatasync)\(\d+<([^>]+)>/.exec(line) ?? [];
    if (synced !== undefined) return [`sync ${synced === directory.path ? "." : own(synced)}`];
    // A call that another thread interrupts is written in two lines.
    const [, kind, to] = /\b(rename|link)(?:at2?|at)?\(.*"([^"]+)"(?:, \S+)?(?:\)| <unfinished)/.exec(line) ?? [];
    return kind === undefined || to === undefined ? [] : [`${kind} ${own(to)}`];
  });
}

test.skipIf(!hasStrace)(
  "an apply syncs its journal before it calls, the bytes and records before they are visible, the state and its directory",
  async () => {
    await using directory = await TestDirectory.make({
      "a.img": "bytes\n".repeat(1000),
      "images.toml": '[backend.s]\nplugin = "local"\npath = "./s"\n[image.a]\nbackend = "s"\nsource = "./a.img"\n',
    });
    const all = await calls(directory);
    const first = (wanted: RegExp, from = 0) => {
      const found = all.findIndex((call, i) => i >= from && wanted.test(call));
      if (found < 0) throw new Error(`no ${wanted} after call ${from}:\n${all.join("\n")}`);
      return found;
    };
    const journal = first(JOURNAL);
    const blob = first(/^sync .*s\/tmp\//);
    const visible = first(/^link .*s\/blobs\//);
    const record = first(/^rename .*s\/images\//);
    expect(journal).toBeLessThan(blob);
    expect(blob).toBeLessThan(visible);
    const recordSync = first(/^sync .*s\/tmp\//, visible);
    expect(recordSync).toBeLessThan(record);
    first(JOURNAL, record);
    const state = first(/^rename .*images\.state\.json$/);
    const document = first(/^sync .*\.images\.state\.json\.tmp$/);
    expect(document).toBeLessThan(state);
    expect(first(/^sync \.$/, state)).toBeGreaterThan(state);
  },
);

test.skipIf(!hasStrace)("a file that cannot be synced is an error", async () => {
  await using directory = await TestDirectory.make({});
  const path = directory.at("new");
  const script = `
    import { Disk } from "${resolve("src/plugins/local/disk.ts")}";
    const said = await new Disk().createDurable("${path}", "some bytes").then(() => "written", (thrown) => thrown.code);
    console.log(said);`;
  const made = async (...inject: readonly string[]) => {
    const strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-P", path, "-e", "trace=write", ...inject];
    const child = Bun.spawn([...strace, process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" });
    return (await new Response(child.stdout).text()).trim();
  };
  // The write of a file that is written through is its sync.
  expect(await made("-e", "inject=write:error=EIO")).toBe("EIO");
  await rm(path);
  expect(await made()).toBe("written");
  expect(await Bun.file(path).text()).toBe("some bytes");
});
