import { expect, test } from "bun:test";
import { copyFile } from "node:fs/promises";
import { resolve } from "node:path";
import { homeOf } from "../../../src/core/disk/account.ts";
import { TestDirectory } from "../../harness.ts";

const isRoot = process.getuid?.() === 0;

test("HOME is the home directory; without it that of the user database", () => {
  expect(homeOf({ HOME: "/srv/me" })).toBe("/srv/me");
  expect(homeOf({ HOME: "" })).toBe(homeOf({}));
});

test.skipIf(!isRoot)(
  `an account that no user database knows plans and applies, as in a container or a unit${isRoot ? "" : " (skipped: needs root)"}`,
  async () => {
    await using place = await TestDirectory.make();
    await place.write("disk.img", "bytes");
    await place.write(
      "images.toml",
      '[backend.st]\nplugin = "local"\npath = "st"\n\n[image.a]\nbackend = "st"\nsource = "disk.img"\n',
    );
    // The checkout may be closed to others.
    await copyFile("dist/images", place.at("images"));
    for (let at = place.path; at !== "/" && at !== "/tmp" && at !== "/dev/shm"; at = resolve(at, ".."))
      Bun.spawnSync(["chmod", "o+rx", at]);
    Bun.spawnSync(["chown", "-R", "65532:65532", place.path]);
    const env = { IMAGES_CACHE: place.at("cache"), XDG_STATE_HOME: place.at("state") };
    const ran = (...words: readonly string[]) => {
      const argv = ["setpriv", "--reuid=65532", "--regid=65532", "--clear-groups", place.at("images"), ...words];
      const { exitCode, stderr } = Bun.spawnSync(argv, { cwd: place.path, env });
      return [exitCode, `${stderr}`.includes("run.bug")];
    };
    expect(ran("plan", "--detailed-exitcode")).toEqual([2, false]);
    expect(ran("apply", "--yes")).toEqual([0, false]);
    expect(ran("plan", "--detailed-exitcode")).toEqual([0, false]);
  },
);
