import { expect, test } from "bun:test";
import { open, readFile, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { contentKey } from "../../src/core/plan/content-key.ts";
import { listed, run, TestDirectory } from "../harness.ts";

// A large local file is read once: its digest is made while its bytes are sent, and written down afterwards.

const SIZE = 65 << 20;
const TOML = '[backend.store]\nplugin = "local"\npath = "./store"\n[image.a]\nsource = "./a.img"\n';

async function large(): Promise<TestDirectory> {
  const folder = await TestDirectory.make({ "images.toml": TOML, "a.img": "a disk" });
  await truncate(folder.at("a.img"), SIZE);
  return folder;
}

async function ends(folder: TestDirectory, code: number, ...args: readonly string[]): Promise<string> {
  const said = await run(folder, args);
  if (said.code !== code) throw new Error(`images ${args.join(" ")}: ${said.code}\n${said.stderr}\n${said.stdout}`);
  return said.stdout;
}

const json = async (path: string) => JSON.parse(await readFile(path, "utf8"));
const stateOf = async (folder: TestDirectory) => (await json(folder.at("images.state.json"))).images["store/a"];

async function record(folder: TestDirectory) {
  const names = await listed(folder.at("store", "images"));
  expect(names.length).toBe(1);
  const path = folder.at("store", "images", names[0] ?? "");
  return { path, entry: await json(path) };
}

test("a plan does not read it; what was sent is known, so that a lost state and a touched file make nothing anew", async () => {
  await using folder = await large();
  expect(await ends(folder, 2, "plan", "--detailed-exitcode")).not.toContain("sha256:");
  await ends(folder, 0, "apply", "--yes");
  const { entry } = await record(folder);
  expect(entry.mark.content).toBe(`sha256:${entry.disk.sha256}`);
  expect((await stateOf(folder)).content.digest).toBe(entry.mark.content);
  await rm(folder.at("images.state.json"));
  await utimes(folder.at("a.img"), new Date(), new Date());
  expect(await ends(folder, 0, "apply", "--yes")).toContain("0 added");
  expect((await record(folder)).entry.id).toBe(entry.id);
  // Other bytes of the same length are another content, and told by both digests.
  const file = await open(folder.at("a.img"), "r+");
  await file.write("b", 0);
  await file.close();
  expect(await ends(folder, 2, "plan", "--detailed-exitcode")).toMatch(/content += +"?sha256:.* -> "?sha256:/);
});

test("a plan that is kept has its digest, and is refused when the bytes have changed", async () => {
  await using folder = await large();
  expect(await ends(folder, 2, "plan", "--detailed-exitcode", "--out", "a.plan")).toContain("sha256:");
  const file = await open(folder.at("a.img"), "r+");
  await file.write("b", 0);
  await file.close();
  const said = await run(folder, ["apply", "a.plan"]);
  expect([said.code, said.stderr]).toEqual([1, expect.stringContaining("have changed since the plan")]);
});

test("an image whose mark was never completed is completed where the state knows it, and adopted by the digest of the backend where nobody does", async () => {
  await using folder = await large();
  await ends(folder, 0, "apply", "--yes");
  const first = await record(folder);
  const { digest: _, ...content } = (await stateOf(folder)).content;
  const unproven = contentKey(content);
  expect(unproven).toStartWith("unproven:");
  const unfinished = async () => {
    const { path, entry } = await record(folder);
    await writeFile(path, JSON.stringify({ ...entry, mark: { ...entry.mark, content: unproven } }));
  };
  await unfinished();
  expect(await ends(folder, 0, "apply", "--yes")).toContain("1 changed");
  expect((await record(folder)).entry).toEqual(first.entry);
  // Killed before anything was recorded: nobody knows what its bytes are.
  await unfinished();
  const state = await json(folder.at("images.state.json"));
  const { status: _ready, have: _have, digests: _digests, ...row } = state.images["store/a"];
  state.images["store/a"] = { ...row, status: "creating", content };
  await writeFile(folder.at("images.state.json"), JSON.stringify(state));
  await ends(folder, 0, "apply", "--yes");
  const second = await record(folder);
  expect([second.entry.id === first.entry.id, second.entry.mark.content]).toEqual([false, first.entry.mark.content]);
  await unfinished();
  await rm(folder.at("images.state.json"));
  expect(await ends(folder, 0, "apply", "--yes")).toContain("1 imported");
  expect((await record(folder)).entry).toMatchObject({
    id: second.entry.id,
    mark: { content: first.entry.mark.content },
  });
  await ends(folder, 0, "plan", "--detailed-exitcode");
});
