import { expect, test } from "bun:test";
import { link, readdir, readFile } from "node:fs/promises";
import { replaceFile } from "../../../src/core/disk/write.ts";
import { replay } from "../../../src/core/store/replay.ts";
import { TestDirectory } from "../../harness.ts";

test("a journal that was killed before its first line was whole has said nothing", () => {
  for (const text of ["", '{"seq":0,"at":"2026-11-20T']) {
    const { state, changed } = replay({ open: [{ run: "one", text }] }, { where: "images.state.json" }, "a-lineage");
    expect([state.lineage, state.serial, changed]).toEqual(["a-lineage", 0, false]);
  }
});

test("a backup that is the document itself, after a kill between the two renames, leaves no third name", async () => {
  await using directory = await TestDirectory.make({ state: "one" });
  await link(directory.at("state"), directory.at("state.backup"));
  await replaceFile(directory.at("state"), "two", { backup: directory.at("state.backup") });
  expect((await readdir(directory.path)).sort()).toEqual(["state", "state.backup"]);
  expect(await readFile(directory.at("state.backup"), "utf8")).toBe("one");
});
