import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { KNOWN, known } from "../scripts/known.ts";
import { MAN, manual } from "../scripts/man.ts";
import { commandsOf } from "../src/cli/commands.ts";

test("the manual page is what the commands say now", async () => {
  expect(readFileSync(MAN, "utf8"), "`bun run docs` writes it anew").toBe(manual());
});

test("every command is in it", async () => {
  const text = manual();
  for (const { paths } of (await commandsOf()).filter(({ usage }) => usage !== undefined))
    expect(text).toContain(`.SS images ${paths?.[0]?.join(" ").replaceAll("-", "\\-")}`);
});

test.skipIf(Bun.which("mandoc") === null)("it is right roff, as mandoc says where it is installed", () => {
  const { exitCode, stdout, stderr } = Bun.spawnSync(["mandoc", "-T", "lint", "-W", "warning", MAN]);
  expect([exitCode, `${stdout}${stderr}`]).toEqual([0, ""]);
});

test.skipIf(Bun.which("groff") === null)("groff sets it without a warning, where it is installed", () => {
  const { exitCode, stderr } = Bun.spawnSync(["groff", "-man", "-Tutf8", "-ww", MAN], { stdout: "ignore" });
  expect([exitCode, `${stderr}`]).toEqual([0, ""]);
});

test("help and completion know the commands as they are now: bun run docs", async () => {
  expect(await Bun.file(KNOWN).text()).toBe(await known());
});
