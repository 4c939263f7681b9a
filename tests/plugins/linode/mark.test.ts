import { expect, test } from "bun:test";
import { type Address, address, backendName, imageName, type Marker } from "images";
import { DESCRIPTION_ROOM, MARK_ROOM, readMark, withMark } from "../../../src/plugins/linode/marker.ts";

const marker = (owner: Address, content = "sha256:00ff"): Marker => ({ file: "team.images-2", owner, content });
const small = address(backendName("lin"), imageName("small"));
const longest = address(backendName("b".repeat(63)), imageName("i".repeat(63)));

test("the mark is the last line of the description, and is taken out of it again", () => {
  expect(withMark("for people", marker(small))).toBe("for people\n[images: team.images-2 lin/small sha256:00ff]");
  const all = ["", "one", "two\nlines\n", "  spaces  ", "[images: a b/c d]", "ends in [images: nothing]", "äöü 😀"];
  for (const description of all) {
    for (const one of [marker(small), marker(longest), marker(small, "known:a b]c%20 \u{1F600}")])
      expect(readMark(withMark(description, one))).toEqual({ description, mark: one });
    expect(withMark(description, undefined)).toBe(description);
  }
});

test("a server that joins lines or trims them does not lose it", () => {
  expect(readMark("words [images: images lin/small none]")).toMatchObject({ mark: { owner: small } });
  expect(readMark("words\r\n[images: images lin/small none]\n ")).toMatchObject({ mark: { owner: small } });
});

test("other people's words are no mark", () => {
  for (const text of ["", "[images: a]", "[images: a not-an-address none]", "[images: a lin/small none] and more"])
    expect(readMark(text)).toEqual({ description: text });
  expect(readMark("x[images: a lin/small none]").mark).toBeUndefined();
});

test("there is room for the longest one", () => {
  const content = `sha256:${"0".repeat(64)}`;
  expect(
    withMark("x", {
      file: "f".repeat(63),
      owner: longest,
      content,
      lineage: "0".repeat(36),
      self: `~${"0".repeat(36)}`,
      retained: "2026-11-27T12:00:00.000Z",
    }).length,
  ).toBeLessThan(MARK_ROOM);
  expect(DESCRIPTION_ROOM - MARK_ROOM).toBe(64_550);
});
