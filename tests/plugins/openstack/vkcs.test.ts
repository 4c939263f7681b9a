import { expect, setDefaultTimeout, test } from "bun:test";
import { declared, staged } from "./stage.ts";

// VK Cloud: images are private where nothing is declared, and only shared ones have members.

setDefaultTimeout(300_000);

test.each([
  ["not declared", "", "a private image (the default here) has no members"],
  ["private", 'visibility = "private"', "an image that is private has no members"],
  ["community", 'visibility = "community"', "an image that is community has no members"],
])(
  "members of an image whose visibility is %s are refused by validate, plan and apply, and no request is sent",
  async (_, more, words) => {
    await using stage = await staged(declared("a", `members = ["p7"]\n${more}`), { plugin: "vkcs" });
    for (const command of [["validate"], ["plan"], ["apply", "--yes"]]) {
      const said = await stage.images(...command);
      expect([command[0], said.code]).toEqual([command[0], 1]);
      expect(said.stderr).toContain(words);
      expect(said.stderr).toContain('visibility = "shared"');
      expect(said.stderr).toContain("images.toml:");
    }
    expect(stage.cloud.heard).toEqual([]);
  },
);

test("members of a shared image are invited, and an empty list needs no visibility", async () => {
  await using stage = await staged(
    declared("a", 'members = ["p7"]\nvisibility = "shared"') + declared("b", "members = []"),
    {
      plugin: "vkcs",
    },
  );
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  const byName = new Map([...stage.glance.images.values()].map((image) => [image["name"], image]));
  expect([byName.get("a")?.["visibility"], byName.get("b")?.["visibility"]]).toEqual(["shared", "private"]);
  expect([...(stage.glance.members.get(String(byName.get("a")?.["id"]))?.keys() ?? [])]).toEqual(["p7"]);
  expect((await stage.images("plan", "--detailed-exitcode")).code).toBe(0);
});
