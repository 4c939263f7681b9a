import { expect, test } from "bun:test";
import { address, backendName, imageName } from "../../../src/core/model/name.ts";
import { findDuplicates } from "../../../src/core/plan/duplicates.ts";
import { resource } from "./sample.ts";

const declared = (name: string, line: number, ...keys: readonly string[]) => ({
  resource: {
    ...resource({}),
    address: address(backendName("lab"), imageName(name)),
    at: { file: "images.toml", line, column: 1 },
  },
  keys: keys.map((key) => ({ key, shown: key })),
});

test("two declarations that come to one image are blocked, each with the place of the other", () => {
  const found = findDuplicates([
    declared("a", 3, "p/ab12"),
    declared("b", 9, "p/ab12", "p/x"),
    declared("c", 12, "p/other"),
  ]);
  expect([...found.keys()].map(String)).toEqual(["lab/a", "lab/b"]);
  expect(found.get(address(backendName("lab"), imageName("a")))).toMatchObject({
    action: "block",
    text: expect.stringMatching(/lab\/b \(images\.toml:9:1\).*p\/ab12.*images\.toml:3:1/),
  });
});
test("one declaration with a key twice is no twin of itself", () => {
  expect(findDuplicates([declared("a", 3, "p/ab12", "p/ab12")]).size).toBe(0);
});
