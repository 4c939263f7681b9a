import { expect, test } from "bun:test";
import { Screen } from "../../../src/cli/render/screen.ts";
import { Terminal } from "./terminal.ts";

test("a message while bars are drawn stays above them, and no bar is left behind", () => {
  const terminal = new Terminal(80);
  {
    using screen = new Screen(terminal);
    screen.paint(["row one", "row two"]);
    expect(Screen.interject(["Interrupted."])).toBe(true);
    expect(terminal.text).toBe("Interrupted.\nrow one\nrow two\n");
    screen.paint(["row one", "row three"]);
    expect(terminal.text).toBe("Interrupted.\nrow one\nrow three\n");
    screen.paint([]);
  }
  expect(terminal.text).toBe("Interrupted.\n");
  expect(terminal.isCursorVisible).toBe(true);
});

test("without bars the stream is free", () => {
  expect(Screen.interject(["Interrupted."])).toBe(false);
});
