import { expect, test } from "bun:test";
import { run, TestDirectory } from "../../harness.ts";

test("a path that is no place of a bucket is an error with its line, and what a bucket's name may be", async () => {
  for (const path of ["s3://b/store", "s3://Team/store", "bucket/store", `s3://${"b".repeat(64)}`]) {
    const backend = `[settings]\nname = "places-0001"\n[backend.s]\nplugin = "s3"\npath = "${path}"\n`;
    await using directory = await TestDirectory.make({ "images.toml": backend });
    const { code, stderr } = await run(directory, ["validate"]);
    expect([path, code]).toEqual([path, 1]);
    expect(stderr).toContain("a bucket of 3 to 63 small letters, digits, . and -");
    expect(stderr).toContain("images.toml:5:8");
  }
});
