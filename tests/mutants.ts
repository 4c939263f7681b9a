import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

// Does the conformance suite bite? Breaks the documented plugin in one place after the other and says which clause notices:
// bun tests/mutants.ts [WORD …] runs those whose name has one of the words. Ends with 1 when one is not noticed.

const PLUGIN = "docs/examples/webdav.ts";

const MUTANTS: readonly (readonly [what: string, from: string, to: string])[] = [
  ["no id is told", "await context.identified(id);", ""],
  [
    "the id is told after the upload",
    "        await context.identified(id);\n        await web.send(",
    "        await web.send(",
  ],
  [
    "the marker is not written",
    "{ id, ...(marker && { marker }), attributes };\n      await",
    "{ id, attributes };\n      await",
  ],
  [
    "the marker has another owner",
    "...(marker && { marker }), attributes };\n      await",
    '...(marker && { marker: { ...marker, owner: "x/other" } }), attributes };\n      await',
  ],
  [
    "a marker where none is wanted",
    "const kept = { id, ...(marker && { marker })",
    'const kept = { id, marker: marker ?? { file: "images", owner: "x/small", content: "none" }',
  ],
  ["delete leaves the record", "[record(id), encodeURIComponent(id)]", "[encodeURIComponent(id)]"],
  [
    "an absent image is an error",
    "        return undefined;\n      },\n      list",
    '        throw new Failure("backend.missing", "gone");\n      },\n      list',
  ],
  ["delete of nothing is an error", 'await web.find("DELETE"', 'await web.send("DELETE"'],
  [
    "a cleared attribute stays",
    "{ ...want, checksum: attributes.checksum",
    "{ ...attributes, ...want, checksum: attributes.checksum",
  ],
  ["an edit is ignored", "{ ...want, checksum: attributes.checksum", "{ ...attributes, checksum: attributes.checksum"],
  [
    "read forgets an attribute",
    "const { id, marker, attributes } = kept;",
    "const { id, marker, attributes: { title: _, ...attributes } } = kept;",
  ],
  [
    "a default is invented",
    "        return await keep(id, { ...want,",
    '        return await keep(id, { tags: ["new"], ...want,',
  ],
  [
    "the bytes are read before they are sent",
    'await web.send("PUT", encodeURIComponent(id), {',
    'for await (const _ of source.open(context.signal)) {}\n        await web.send("PUT", encodeURIComponent(id), {',
  ],
  ["the signal is dropped", "{ signal: context.signal, source,", "{ signal: new AbortController().signal, source,"],
  [
    "progress is not cumulative",
    "progress: context.progress }",
    'progress: (phase: "upload", done: number) => context.progress(phase, -done) }',
  ],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of the plugin.
  ["the credential is not sent", "{ Authorization: `Bearer ${token}` }", "{}"],
  [
    "the record is written before the bytes",
    'await web.send("PUT", encodeURIComponent(id), {',
    'await keep(id, { ...want, checksum: "0".repeat(64) }, context);\n        await web.send("PUT", encodeURIComponent(id), {',
  ],
  [
    "the list leaves one out",
    "Array.isArray(records) ? records : []",
    "Array.isArray(records) ? records.slice(1) : []",
  ],
  [
    "the list has everything twice",
    "Array.isArray(records) ? records : []",
    "Array.isArray(records) ? [...records, ...records] : []",
  ],
  [
    "a marker is written once and never again",
    'keep(id, { ...want, checksum: attributes.checksum ?? "" }, context),',
    'list(context.signal).next().then(({ value }) => keep(id, { ...want, checksum: attributes.checksum ?? "" }, { ...context, marker: () => value?.marker })),',
  ],
  ["another image's record is given", "one.marker.owner === address", "one.id !== address"],
  ["the image of another file is given", " && one.marker.file === host.file", ""],
  ["a copied marker is believed", "one.marker?.self === one.id", "one.marker !== undefined"],
  [
    "a request for each image of a list",
    "yield observed(one);",
    'yield observed(await web.json("GET", record(observed(one).id), { signal }));',
  ],
];

const words = process.argv.slice(2);
const chosen = MUTANTS.filter(([what]) => words.length === 0 || words.some((word) => what.includes(word)));
const original = await readFile(PLUGIN, "utf8");
const directory = await mkdtemp(join(tmpdir(), "images-mutants-"));
let missed = 0;
try {
  for (const [i, [what, from, to]] of chosen.entries()) {
    if (!original.includes(from)) throw new Error(`the mutant "${what}" does not fit the plugin any more`);
    const path = join(directory, `mutant-${i}.ts`);
    await writeFile(path, original.replace(from, to));
    const caught = await failing(path);
    if (caught.length === 0) missed++;
    console.log(`${caught.length === 0 ? "MISSED" : "caught"}  ${what}: ${caught.join(", ") || "no clause noticed"}`);
  }
} finally {
  await rm(directory, { recursive: true, force: true });
}
console.log(`${chosen.length - missed} of ${chosen.length} mutants caught`);
process.exitCode = missed === 0 ? 0 : 1;

/** The clauses that fail with this plugin. */
async function failing(path: string): Promise<readonly string[]> {
  const child = Bun.spawn(["bun", "test", "--timeout", "120000", "./tests/conformance/webdav.test.ts"], {
    env: { ...process.env, IMAGES_TEST_PLUGIN: path },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [, text] = await Promise.all([child.exited, new Response(child.stderr).text()]);
  return [...new Set([...text.matchAll(/^\(fail\) .* > (.+?)(?: \[|$)/gm)].map(([, clause]) => clause ?? ""))];
}
