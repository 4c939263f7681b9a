import { expect, test } from "bun:test";
import { open, readFile, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { contentKey } from "../../src/core/plan/content-key.ts";
import { listed, run, TestDirectory } from "../harness.ts";

// A large local file is read once: its digest is made while its bytes are sent, and written down afterwards.

const SIZE = 65 << 20;
const TOML = '[backend.store]\nplugin = "local"\npath = "./store"\n[image.a]\nsource = "./a.img"\n';

async function large(): Promise<TestDirectory> {
  const directory = await TestDirectory.make({ "images.toml": TOML, "a.img": "a disk" });
  await truncate(directory.at("a.img"), SIZE);
  return directory;
}

async function ends(directory: TestDirectory, code: number, ...args: readonly string[]): Promise<string> {
  const said = await run(directory, args);
  if (said.code !== code) throw new Error(`images ${args.join(" ")}: ${said.code}\n${said.stderr}\n${said.stdout}`);
  return said.stdout;
}

const json = async (path: string) => JSON.parse(await readFile(path, "utf8"));
const stateOf = async (directory: TestDirectory) => (await json(directory.at("images.state.json"))).images["store/a"];

async function record(directory: TestDirectory) {
  const names = await listed(directory.at("store", "images"));
  expect(names.length).toBe(1);
  const path = directory.at("store", "images", names[0] ?? "");
  return { path, entry: await json(path) };
}

test("a plan does not read it; what was sent is known, so that a lost state and a touched file make nothing anew", async () => {
  await using directory = await large();
  expect(await ends(directory, 2, "plan", "--detailed-exitcode")).not.toContain("sha256:");
  await ends(directory, 0, "apply", "--yes");
  const { entry } = await record(directory);
  expect(entry.mark.content).toBe(`sha256:${entry.disk.sha256}`);
  expect((await stateOf(directory)).content.digest).toBe(entry.mark.content);
  await rm(directory.at("images.state.json"));
  await utimes(directory.at("a.img"), new Date(), new Date());
  expect(await ends(directory, 0, "apply", "--yes")).toContain("0 added");
  expect((await record(directory)).entry.id).toBe(entry.id);
  // Other bytes of the same length are another content, and told by both digests.
  const file = await open(directory.at("a.img"), "r+");
  await file.write("b", 0);
  await file.close();
  expect(await ends(directory, 2, "plan", "--detailed-exitcode")).toMatch(/content += +"?sha256:.* -> "?sha256:/);
});

test("a plan that is kept has its digest, and is refused when the bytes have changed", async () => {
  await using directory = await large();
  expect(await ends(directory, 2, "plan", "--detailed-exitcode", "--out", "a.plan")).toContain("sha256:");
  const file = await open(directory.at("a.img"), "r+");
  await file.write("b", 0);
  await file.close();
  const said = await run(directory, ["apply", "a.plan"]);
  expect([said.code, said.stderr]).toEqual([1, expect.stringContaining("have changed since the plan")]);
});

test("an image whose mark was never completed is completed where the state knows it, and adopted by the digest of the backend where nobody does", async () => {
  await using directory = await large();
  await ends(directory, 0, "apply", "--yes");
  const first = await record(directory);
  const { digest: _, ...content } = (await stateOf(directory)).content;
  const unproven = contentKey(content);
  expect(unproven).toStartWith("unproven:");
  const unfinished = async () => {
    const { path, entry } = await record(directory);
    await writeFile(path, JSON.stringify({ ...entry, mark: { ...entry.mark, content: unproven } }));
  };
  await unfinished();
  expect(await ends(directory, 0, "apply", "--yes")).toContain("1 changed");
  expect((await record(directory)).entry).toEqual(first.entry);
  // Killed before anything was recorded: nobody knows what its bytes are.
  await unfinished();
  const state = await json(directory.at("images.state.json"));
  const { status: _ready, have: _have, digests: _digests, ...row } = state.images["store/a"];
  state.images["store/a"] = { ...row, status: "creating", content };
  await writeFile(directory.at("images.state.json"), JSON.stringify(state));
  await ends(directory, 0, "apply", "--yes");
  const second = await record(directory);
  expect([second.entry.id === first.entry.id, second.entry.mark.content]).toEqual([false, first.entry.mark.content]);
  await unfinished();
  await rm(directory.at("images.state.json"));
  expect(await ends(directory, 0, "apply", "--yes")).toContain("1 imported");
  expect((await record(directory)).entry).toMatchObject({
    id: second.entry.id,
    mark: { content: first.entry.mark.content },
  });
  await ends(directory, 0, "plan", "--detailed-exitcode");
});
