import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

// Do the tests of the engine bite? Breaks the core in one place after the other, in a copy, and says which test notices:
// bun tests/core-mutants.ts [WORD …] runs those whose name has one of the words. Ends with 1 when one is not noticed.

const ENGINE = "tests/core/apply tests/core/plan";
const DURABLE = "tests/crash/durable.test.ts";

interface Mutant {
  readonly what: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  readonly tests: string;
}
const mutant = (what: string, file: string, from: string, to: string, tests = ENGINE): Mutant => ({
  what,
  file,
  from,
  to,
  tests,
});

const CREATE = "src/core/apply/create.ts";
const EVIDENCE = "src/core/plan/evidence.ts";
const OWNERSHIP = "src/core/plan/ownership.ts";
const MUTANTS: readonly Mutant[] = [
  mutant(
    "the old image is deleted before the new one is made",
    CREATE,
    "if (making.deletesFirst === true && !isLast) {",
    "if (making.replaces !== undefined && !isLast) {",
  ),
  mutant("no intent row", CREATE, "  await ctx.put(row());\n  let source", "  let source"),
  mutant("the id is not recorded", CREATE, "    await ctx.put(row(id));\n", ""),
  mutant(
    "the new image is not recorded before the old one goes",
    CREATE,
    "  await ctx.put({ ...row(ready.id), finished: true });\n",
    "",
  ),
  mutant("a finished image is thrown away", CREATE, "  if (isFinished) {", "  if (isFinished && false) {"),
  mutant("what a replace began from is forgotten", CREATE, "    ...(former === undefined ? {} : { former }),\n", ""),
  mutant("--replace is forgotten", CREATE, '    ...(because.includes("requested") ? { requested: true } : {}),\n', ""),
  mutant(
    "no intent row of a delete",
    "src/core/apply/step.ts",
    'await ctx.put({ backend, plugin, want, protect, onRemove, ...kept, status: "deleting", id: step.id });',
    "",
  ),
  mutant(
    "a delete beyond the plan",
    "src/core/apply/step-context.ts",
    "if (!this.#deletable.has(id) && !this.#made.has(id))",
    "if (false)",
    `${ENGINE} tests/core/apply/site.test.ts`,
  ),
  mutant(
    "use is not asked before a delete",
    "src/core/plan/obstacles.ts",
    "    if (use !== undefined) uses.set(id, use);\n",
    "",
  ),
  mutant(
    "self is not compared",
    OWNERSHIP,
    "if (marker.self === (image.self ?? image.id)) return",
    "if (marker.self !== undefined) return",
  ),
  mutant(
    "a marker without self is genuine",
    OWNERSHIP,
    'if (marker.self === undefined) return "unsigned";',
    'if (marker.self === undefined) return "genuine";',
  ),
  mutant(
    "the lineage is not compared",
    OWNERSHIP,
    'image.marker.lineage === lineage ? "recorded" : "taken"',
    'image.marker.lineage !== "" ? "recorded" : "taken"',
  ),
  mutant(
    "a claimable image is replaced",
    "src/core/plan/decide.ts",
    "if (have === undefined || !isRecorded(input.ownership)) return",
    "if (have === undefined) return",
  ),
  mutant(
    "what another state made is deleted",
    "src/core/plan/unwanted.ts",
    "const have = isRecorded(input.ownership) ? input.have : undefined;",
    "const have = input.have;",
  ),
  mutant(
    "kept versions are not counted",
    "src/core/plan/deletions.ts",
    '        ...(known?.retained ?? []).map(({ id }): Deletion => ({ id, why: "superseded" })),\n',
    "",
  ),
  mutant(
    "bytes are not compared",
    "src/core/plan/unrecorded.ts",
    '...(bytes?.kind === "differ" ? [bytes.text] : []),',
    "",
  ),
  mutant(
    "verification is skipped",
    "src/core/source/verify/verifier.ts",
    "if (found === declared) return;",
    "if (found !== undefined) return;",
    "tests/core/source/open.test.ts",
  ),
  mutant(
    "EPIPE is 0",
    "src/cli/main.ts",
    "process.exitCode = broken ?? code;",
    "process.exitCode = broken === PIPE_CLOSED ? 0 : code;",
    "tests/cli/pipe.test.ts",
  ),
  mutant(
    "the state is not synced",
    "src/core/disk/write.ts",
    "    await handle.writeFile(text);\n    await handle.sync();",
    "    await handle.writeFile(text);",
    DURABLE,
  ),
  mutant(
    "the directory is not synced",
    "src/core/disk/write.ts",
    "    await syncDirectory(dirname(path));\n",
    "",
    DURABLE,
  ),
  mutant(
    "the journal is not synced",
    "src/core/store/journal-directory.ts",
    "to.handle.datasync()",
    "Promise.resolve()",
    DURABLE,
  ),
  mutant(
    "the bytes are not synced",
    "src/plugins/local/blobs.ts",
    "      await file.sync();\n      const sha256",
    "      const sha256",
    DURABLE,
  ),
  mutant("the record is not synced", "src/plugins/local/client.ts", "if (durable) await file.sync();", "", DURABLE),
  mutant("unknown counts as unchanged", EVIDENCE, '    ? { kind: "unknown", why }\n', "    ? SAME\n"),
  mutant(
    "a signature that is added is not checked",
    EVIDENCE,
    "return declared === undefined || declared === signed;",
    "return true;",
  ),
  mutant(
    "weak evidence of other bytes is taken for other bytes",
    EVIDENCE,
    "isWeak: Object.keys(known).length > 0,",
    "isWeak: false,",
  ),
  mutant(
    "the bytes that were read are not compared",
    "src/core/apply/verify-bytes.ts",
    'if (weighed?.kind === "same")',
    "if (weighed !== undefined)",
  ),
  mutant(
    "what was learned is not recorded",
    "src/core/apply/step.ts",
    "return { ...known, content };",
    "return known;",
  ),
  mutant(
    "what the source was found to be is forgotten",
    "src/core/apply/verify-bytes.ts",
    "  await ctx.put({ ...known, upstream: verdict.found });\n",
    "",
  ),
  mutant(
    "what others added is not carried over",
    CREATE,
    "withCarried(resource.want, making.carried)",
    "resource.want",
  ),
  mutant(
    "what others added is not in the state while the image is replaced",
    CREATE,
    "    ...(next === undefined ? {} : { next }),\n    ...(carried === undefined ? {} : { carried }),\n",
    "    ...(next === undefined ? {} : { next }),\n",
  ),
  mutant(
    "what was stopped in flight is not counted",
    "src/core/apply/apply.ts",
    'isInterrupted(failure) ? "stopped" : "failed"',
    '"failed"',
  ),
];

const words = process.argv.slice(2);
const chosen = MUTANTS.filter(({ what }) => words.length === 0 || words.some((word) => what.includes(word)));
const folder = await mkdtemp(join(tmpdir(), "images-mutants-"));
let missed = 0;
try {
  for (const name of ["src", "tests", "docs", "licenses", "kit", "package.json", "tsconfig.json", "bunfig.toml"])
    await cp(name, join(folder, name), { recursive: true });
  await symlink(resolve("node_modules"), join(folder, "node_modules"));
  for (const { what, file, from, to, tests } of chosen) {
    const path = join(folder, file);
    const original = await readFile(path, "utf8");
    if (!original.includes(from)) throw new Error(`the mutant "${what}" does not fit ${file} any more`);
    await writeFile(path, original.replace(from, to));
    const caught = await failing(tests);
    await writeFile(path, original);
    if (caught.length === 0) missed++;
    console.log(
      `${caught.length === 0 ? "MISSED" : "caught"}  ${what}: ${caught.slice(0, 2).join("; ") || "no test noticed"}`,
    );
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
console.log(`${chosen.length - missed} of ${chosen.length} mutants caught`);
console.log(` ${chosen.length - missed} pass\n ${missed} fail`);
process.exitCode = missed === 0 ? 0 : 1;

/** The tests that fail. */
async function failing(tests: string): Promise<readonly string[]> {
  const child = Bun.spawn([process.execPath, "test", "--timeout", "60000", ...tests.split(" ")], {
    cwd: folder,
    env: { ...process.env, IMAGES_TEST_WORLDS: "1000" },
    stdout: "ignore",
    stderr: "pipe",
  });
  const [, text] = await Promise.all([child.exited, new Response(child.stderr).text()]);
  return [...new Set([...text.matchAll(/^\(fail\) (.+?)(?: \[|$)/gm)].map(([, name]) => name ?? ""))];
}
