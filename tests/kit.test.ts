import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { kitTypes } from "../scripts/kit.ts";
import { remedyOf } from "../src/conformance/remedies.ts";
import { CLAUSES } from "../src/core/conformance.ts";
import { startWebDirectory } from "./emulators/webdav/server.ts";
import { run, TestDirectory } from "./harness.ts";

/** The compiler on a directory, as an author runs it. */
async function checked(directory: TestDirectory): Promise<string> {
  const compiler = Bun.spawn([resolve("node_modules/.bin/tsc"), "-p", "."], { cwd: directory.path, stdout: "pipe" });
  const said = await new Response(compiler.stdout).text();
  await compiler.exited;
  return said;
}

test("the types of the kit are those of the module images (bun run docs writes them)", async () => {
  expect(await readFile("kit/images.d.ts.txt", "utf8")).toBe(await kitTypes());
});

test("the comments of the types name only what there is", async () => {
  const text = await readFile("kit/images.d.ts.txt", "utf8");
  const comment = /\/\*\*[\s\S]*?\*\/|\/\/.*/g;
  const code = text.replace(comment, "");
  const words = code + (await readFile("docs/plugins.md", "utf8")) + (await readFile("docs/configuration.md", "utf8"));
  const unknown = (text.match(comment) ?? []).flatMap((one) =>
    [...one.matchAll(/`(?!(?:disk|run)\.)([A-Za-z]\w*)(?:\.(\w+))?[`(]/g)].filter(
      ([, name = "", member]) =>
        /[a-z]/.test(name) &&
        !(member === undefined ? new RegExp(`\\b${name}\\b`) : new RegExp(`\\b${member}\\??[(:<]`)).test(words),
    ),
  );
  expect(unknown.map(([text]) => text)).toEqual([]);
});

test("images plugins new writes a plugin that compiles with the types beside it, and passes the suite", async () => {
  await using directory = await TestDirectory.make();
  const made = await run(directory, ["plugins", "new", "xo"]);
  expect([made.code, made.stderr]).toEqual([0, expect.stringContaining("images plugins test ./xo.ts")]);
  expect(await checked(directory)).toBe("");
  const tested = await run(directory, ["plugins", "test", "./xo.ts"]);
  expect([tested.code, tested.stdout]).toEqual([0, expect.stringMatching(/\n\d{2} passed, 0 failed, 0 skipped/)]);
  // Nothing is pinned or left where the author works.
  expect(existsSync(directory.at("images.lock"))).toBe(false);
  // The types are those of the program: a wrong plugin does not compile.
  const text = await readFile(directory.at("xo.ts"), "utf8");
  await directory.write(
    "xo.ts",
    text.replace("api: 1,", "api: 2,").replace("marker.file === host.file", "marker.fil === host.file"),
  );
  const wrong = await checked(directory);
  expect([wrong.includes("Type '2'"), wrong.includes("'fil'")]).toEqual([true, true]);
}, 300_000);

test("images plugins new overwrites nothing of the author's, and says so before it writes", async () => {
  await using directory = await TestDirectory.make({ "xo.conformance.ts": "mine", "tsconfig.json": "mine too" });
  const refused = await run(directory, ["plugins", "new", "xo"]);
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("xo.conformance.ts exists")]);
  expect([existsSync(directory.at("xo.ts")), existsSync(directory.at("images.d.ts"))]).toEqual([false, false]);
  expect((await run(directory, ["plugins", "new", "ox"])).stderr).toContain(
    "tsconfig.json exists and was left as it is",
  );
  expect(await readFile(directory.at("tsconfig.json"), "utf8")).toBe("mine too");
  await mkdir(directory.at("types"));
  await directory.write("types/images.d.ts", "// my own");
  expect((await run(directory, ["plugins", "new", "ax", "--dir", "types"])).stderr).toContain(
    "was not written by this command",
  );
  expect(existsSync(directory.at("types", "ax.ts"))).toBe(false);
  for (const name of ["Xo", "../xo", "local", ""])
    expect([name, (await run(directory, ["plugins", "new", name])).code]).toEqual([name, 64]);
});

const example = await readFile(resolve("docs/examples/webdav.ts"), "utf8");

test("images plugins test asks a server that the author names, with values made up by the schema", async () => {
  await using web = startWebDirectory("a-token-1");
  const theirs = new TextEncoder().encode('{"id":"theirs","attributes":{"title":"x","checksum":"00"}}');
  web.files.set("theirs.json", theirs);
  await using directory = await TestDirectory.make({ "dav.ts": example });
  const set = ["--set", `url=${web.url}`, "--set", "token=env:DAV"];
  const said = await run(directory, ["plugins", "test", "./dav.ts", ...set], { env: { DAV: "a-token-1" } });
  expect([said.code, said.stdout]).toEqual([0, expect.stringContaining(", 0 failed,")]);
  expect(said.stdout).toContain("passed     attribute lives");
  expect(said.stdout).toContain("not asked  foreign");
  // What it made is gone, and what was there before is as it was.
  expect([...web.files]).toEqual([["theirs.json", theirs]]);
}, 300_000);

test("images plugins test fails with the clause and what was found, and runs single clauses", async () => {
  await using directory = await TestDirectory.make();
  await run(directory, ["plugins", "new", "xo"]);
  const text = await readFile(directory.at("xo.ts"), "utf8");
  await directory.write("xo.ts", text.replace("await context.identified(begun.id);", ""));
  const said = await run(directory, ["plugins", "test", "./xo.ts", "--clause", "create", "--clause", "absence"]);
  expect(said.code).toBe(1);
  expect(said.stdout).toContain("passed     absence");
  expect(said.stdout).toMatch(/failed {5}create\n {11}\S/);
  expect(said.stdout).toContain("1 passed, 1 failed");
  // Each failure names its remedy, and a section of the page that there is.
  expect(said.stdout).toContain("to fix it: follow the five steps of `create`");
  const page = await readFile("docs/plugins.md", "utf8");
  for (const clause of CLAUSES) {
    const [, section] = /see docs\/plugins\.md, "(.+)"$/.exec(remedyOf(clause)) ?? [];
    expect([clause, page.includes(`\n## ${section}\n`)]).toEqual([clause, true]);
    // What it calls by name is in the page or in the types.
    const names = [...remedyOf(clause).matchAll(/`([a-z]\w*)/gi)].map(([, name = ""]) => name);
    const types = await readFile(directory.at("images.d.ts"), "utf8");
    const unknown = names.filter((name) => !new RegExp(`\\b${name}\\b`).test(types + page));
    expect([clause, unknown]).toEqual([clause, []]);
  }
  const json = JSON.parse(
    (await run(directory, ["plugins", "test", "./xo.ts", "--clause", "schema", "--json"])).stdout,
  );
  expect(json).toEqual({ plugin: "xo", clauses: [{ clause: "schema", how: "passed" }] });
});

test("a listing that a text of users breaks, and an upload that stays behind, fail the suite of the kit", async () => {
  await using directory = await TestDirectory.make();
  await run(directory, ["plugins", "new", "xo"]);
  const text = await readFile(directory.at("xo.ts"), "utf8");
  await directory.write("xo.ts", text.replace("return undefined;\n  }\n}", 'throw new Error("no marker");\n  }\n}'));
  const broken = await run(directory, ["plugins", "test", "./xo.ts", "--clause", "foreign"]);
  expect([broken.code, broken.stdout]).toEqual([
    1,
    expect.stringContaining("catch what the parser of the text throws"),
  ]);
  expect(broken.stdout).toContain("to fix it: see the error of the command first");
  expect(broken.stdout).not.toContain("pinned the plugin");
  await directory.write("xo.ts", text);
  const server = await readFile(directory.at("xo.conformance.ts"), "utf8");
  await directory.write("xo.conformance.ts", server.replace("server.kept.size", "server.requests()"));
  const left = await run(directory, ["plugins", "test", "./xo.ts", "--clause", "create twice"]);
  expect([left.code, left.stdout]).toEqual([
    1,
    expect.stringMatching(/after the image was deleted, the place has \d+/),
  ]);
});

test("what images plugins test cannot use is said with the way out", async () => {
  await using directory = await TestDirectory.make({ "dav.ts": example, "empty.ts": "export default {};" });
  const cases: [readonly string[], number, string][] = [
    [["./dav.ts"], 64, "write dav.conformance.ts next to it, or configure a server: --set url=…"],
    [["./dav.ts", "--set", "ulr=x"], 64, "did you mean url?"],
    [["./dav.ts", "--clause", "crate"], 64, "did you mean create?"],
    [["./dav.ts", "--against", "./empty.ts"], 1, "is not a conformance file"],
    [["./dav.ts", "--against", "./none.ts"], 1, "none.ts"],
    [["./empty.ts"], 1, "api must be 1"],
  ];
  for (const [args, code, said] of cases) {
    const ended = await run(directory, ["plugins", "test", ...args]);
    expect([args, ended.code, ended.stderr]).toEqual([args, code, expect.stringContaining(said)]);
  }
});
