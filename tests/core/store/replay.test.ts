import { expect, test } from "bun:test";
import { replay } from "../../../src/core/store/replay.ts";

test("a journal that was killed before its first line was whole has said nothing", () => {
  for (const text of ["", '{"seq":0,"at":"2026-11-20T']) {
    const { state, changed } = replay({ open: [{ run: "one", text }] }, { where: "images.state.json" }, "a-lineage");
    expect([state.lineage, state.serial, changed]).toEqual(["a-lineage", 0, false]);
  }
});
