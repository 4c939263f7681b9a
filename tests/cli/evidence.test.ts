import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { listed, run, TestDirectory } from "../harness.ts";

// A checksum that is added later, from the command line: shown, asked for, compared, recorded.

setDefaultTimeout(300_000);

const BYTES = randomBytes(3_000_000);
const sha512 = createHash("sha512").update(BYTES).digest("hex");
let says: Record<string, string>;
let server: ReturnType<typeof Bun.serve>;
beforeAll(() => {
  server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response(BYTES, { headers: says }) });
});
afterAll(() => server.stop(true));

const toml = (checksum?: string) =>
  `[backend.store]\nplugin = "local"\npath = "./store"\n[image.a]\nsource = { url = "http://127.0.0.1:${server.port}/a.img"${checksum === undefined ? "" : `, checksum = "${checksum}"`} }\n`;

async function ends(directory: TestDirectory, code: number, ...args: readonly string[]) {
  const said = await run(directory, args, { env: { IMAGES_CACHE_MAX: "0" } });
  if (said.code !== code) throw new Error(`images ${args.join(" ")}: ${said.code}\n${said.stderr}\n${said.stdout}`);
  return said;
}
const stateOf = async (directory: TestDirectory) =>
  JSON.parse(await readFile(directory.at("images.state.json"), "utf8"));
const steps = (ndjson: string) =>
  ndjson
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

async function applied(): Promise<TestDirectory> {
  says = { etag: '"one"' };
  const directory = await TestDirectory.make({ "images.toml": toml() });
  await ends(directory, 0, "apply", "--yes");
  return directory;
}

test("a checksum of another kind is something to do: in the plan, its file, the stream, reports, and the run", async () => {
  await using directory = await applied();
  await directory.write("images.toml", toml(`sha512:${sha512}`));
  const plan = await ends(directory, 2, "plan", "--detailed-exitcode", "--out", "p.json", "--report", "markdown=p.md");
  expect(plan.stdout).toMatch(/\? +verify +store\/a/);
  expect(plan.stdout).toContain(
    "its declared sha512 was never compared with its bytes: downloads 2.9 MiB from http://",
  );
  expect(plan.stdout).toContain("Plan: 0 to add, 0 to change, 0 to destroy, 1 to verify.");
  expect(plan.stdout).toContain("1 download to this host (2.9 MiB)");
  const file = JSON.parse(await readFile(directory.at("p.json"), "utf8"));
  expect(file.resource_changes).toMatchObject([
    { change: { actions: ["read"] }, action_reason: "read_because_unknown", verification: { how: "download" } },
  ]);
  expect([file.applyable, file.errored]).toEqual([true, false]);
  expect(await readFile(directory.at("p.md"), "utf8")).toContain("| `?` verify | `store/a` |");
  expect((await ends(directory, 0, "show", "p.json")).stdout).toContain("verify");
  const stream = steps((await ends(directory, 0, "plan", "--json")).stdout);
  expect(stream.find(({ type }) => type === "planned_change").change).toMatchObject({ action: "read" });
  expect(stream.find(({ type }) => type === "change_summary").changes).toMatchObject({ verify: 1, change: 0 });
  const before = (await stateOf(directory)).images["store/a"].id;
  const done = await ends(directory, 0, "apply", "p.json", "--report", "junit=r.xml", "--json=e.ndjson");
  expect(done.stdout).toContain("Apply complete! Resources: 0 added, 0 changed, 0 destroyed, 1 verified.");
  expect(done.stderr).toContain("its source has the bytes of the image (sha256:");
  expect(await readFile(directory.at("r.xml"), "utf8")).toContain('failures="0"');
  const events = steps(await readFile(directory.at("e.ndjson"), "utf8"));
  expect(events.find(({ type }) => type === "apply_complete").hook).toMatchObject({ action: "read" });
  const { id, content } = (await stateOf(directory)).images["store/a"];
  expect([id, content.digests.sha512]).toEqual([before, `sha512:${sha512}`]);
  expect((await ends(directory, 0, "plan", "--detailed-exitcode")).stdout).toContain("No changes.");
});

test("a checksum of other bytes: an error, again and again, and nothing changes", async () => {
  await using directory = await applied();
  const before = await stateOf(directory);
  const images = await listed(directory.at("store", "images"));
  await directory.write("images.toml", toml(`sha512:${"0".repeat(128)}`));
  for (let time = 0; time < 2; time++) {
    await ends(directory, 2, "plan", "--detailed-exitcode");
    const said = await ends(directory, 1, "apply", "--yes");
    expect(said.stderr).toContain("[source.checksum]");
    expect((await stateOf(directory)).images).toEqual(before.images);
    expect(await listed(directory.at("store", "images"))).toEqual(images);
  }
});

test("a checksum of the kind that is known costs no download, and is recorded by a run that changes nothing", async () => {
  await using directory = await applied();
  const sha256 = createHash("sha256").update(BYTES).digest("hex");
  await directory.write("images.toml", toml(`sha256:${sha256}`));
  expect((await ends(directory, 0, "plan", "--detailed-exitcode")).stdout).toContain("No changes.");
  await ends(directory, 0, "apply", "--yes");
  expect((await stateOf(directory)).images["store/a"].content.validators).toMatchObject({ etag: '"one"' });
  await directory.write("images.toml", toml(`sha256:${"0".repeat(64)}`));
  expect((await ends(directory, 2, "plan", "--detailed-exitcode")).stdout).toContain("replace");
  expect((await ends(directory, 1, "apply", "--yes")).stderr).toContain("[source.checksum]");
  expect((await stateOf(directory)).images["store/a"].status).toBe("ready");
});

test("a moved validator: the plan says that the image is kept if the bytes are the same, and it is", async () => {
  await using directory = await applied();
  const { id } = (await stateOf(directory)).images["store/a"];
  says = { etag: '"two"' };
  const plan = await ends(directory, 2, "plan", "--detailed-exitcode");
  expect(plan.stdout).toContain("kept if its source turns out to have the same bytes");
  const done = await ends(directory, 0, "apply", "--yes", "--report", "markdown=r.md");
  expect(done.stdout).toContain("Resources: 0 added, 0 changed, 0 destroyed, 1 verified.");
  expect(await readFile(directory.at("r.md"), "utf8")).toContain("verified, the same bytes");
  expect((await stateOf(directory)).images["store/a"].id).toBe(id);
  expect((await ends(directory, 0, "plan", "--detailed-exitcode")).stdout).toContain("No changes.");
});

test("images outdated tells what is unknown", async () => {
  await using directory = await applied();
  await directory.write("images.toml", toml(`sha512:${sha512}`));
  const said = await ends(directory, 0, "outdated", "--exit-code");
  expect(said.stderr).toContain("store/a: unknown: its declared sha512 was never compared with its bytes");
});
