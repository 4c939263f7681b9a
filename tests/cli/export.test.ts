import { expect, setDefaultTimeout, test } from "bun:test";
import { readdir, rm } from "node:fs/promises";
import { run, TestDirectory } from "../harness.ts";

setDefaultTimeout(60_000);

test("bytes that the store cannot give are the store's fault, and leave no file", async () => {
  await using directory = await TestDirectory.make({
    "images.toml": '[backend.store]\nplugin = "local"\npath = "./store"\n[image.a]\nsource = "./a.img"\n',
    "a.img": "x".repeat(5000),
  });
  expect((await run(directory, ["apply", "--yes"])).code).toBe(0);
  const [blob = ""] = (await readdir(directory.at("store/blobs"))).filter((name) => /^[0-9a-f]{64}$/.test(name));
  await rm(directory.at(`store/blobs/${blob}`));
  const before = await readdir(directory.at("."));
  const { code, stderr } = await run(directory, ["export", "store/a", "--out", "out.img"]);
  expect(code).toBe(1);
  expect(stderr).toContain("cannot be read from the backend");
  expect(stderr).toContain(blob);
  expect(stderr).not.toContain("choose another path");
  expect((await readdir(directory.at("."))).sort()).toEqual(before.sort());
});
