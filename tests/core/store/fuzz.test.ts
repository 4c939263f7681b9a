import { expect, test } from "bun:test";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { Failure } from "../../../src/core/failure.ts";
import { showState } from "../../../src/core/store/document.ts";
import { fileStorage } from "../../../src/core/store/file.ts";
import { encode, type RunEntry } from "../../../src/core/store/journal.ts";
import { openStore } from "../../../src/core/store/state.ts";
import { at, contents, directory, row, signal } from "./help.ts";

/** Other mutations in each run. FUZZ_RUNS=2000: twice as many, which is the most. */
const RUNS = Math.min(2000, Number(process.env["FUZZ_RUNS"] ?? 1000));
const document = showState({
  version: 1,
  lineage: "l",
  serial: 3,
  images: {
    [at("lab", "a")]: row("lab", "1", { tags: ["x", "y"], size: 5, on: true }),
    [at("lab", "b")]: row("lab", "2"),
  },
});
const begin = { run: "r", version: 1, lineage: "l", serial: 3, operation: "apply", user: "u", host: "h" };
const said: RunEntry[] = [
  { begin },
  { put: { [at("lab", "a")]: row("lab", "3", { title: "é" }) } },
  { event: { type: "step.note", address: at("lab", "a"), text: "said" } },
  { put: { [at("lab", "b")]: null, [at("ru", "b")]: row("ru", "4") } },
];

/** Edits of a text: bytes changed, taken out, put in, doubled; its end cut off. */
const edits = (text: string) => {
  const size = Buffer.byteLength(text);
  const place = fc.nat(size);
  const edit = fc.oneof(
    fc.record({ at: place, drop: fc.constant(1), put: fc.uint8Array({ minLength: 1, maxLength: 1 }) }),
    fc.record({ at: place, drop: fc.nat(40), put: fc.uint8Array({ maxLength: 6 }) }),
    fc.record({
      at: place,
      drop: fc.nat(8),
      put: fc.constantFrom("null", "{}", "[]", '"', ",", "\n", "1e999", "\\u0000", "__proto__").map(Buffer.from),
    }),
    fc.record({ at: place, drop: fc.constant(size), put: fc.constant(new Uint8Array()) }),
    fc.record({
      at: place,
      drop: fc.constant(0),
      put: place.map((from) => Buffer.from(text).subarray(from, from + 200)),
    }),
  );
  return fc
    .array(edit, { minLength: 1, maxLength: 3 })
    .map((all) =>
      all.reduce(
        (bytes, { at: start, drop, put }) =>
          Buffer.concat([bytes.subarray(0, start), put, bytes.subarray(start + drop)]),
        Buffer.from(text),
      ),
    );
};

/** Another value at one place of a JSON value. */
const swapped = (value: unknown) => {
  const paths: (readonly string[])[] = [];
  const walk = (one: unknown, path: readonly string[]): void => {
    paths.push(path);
    if (typeof one === "object" && one !== null)
      for (const [key, item] of Object.entries(one)) walk(item, [...path, key]);
  };
  walk(value, []);
  const put = (one: unknown, [key, ...rest]: readonly string[], other: unknown): unknown => {
    if (key === undefined || typeof one !== "object" || one === null) return other;
    const entries = Object.entries(one).map(([name, item]) => [name, name === key ? put(item, rest, other) : item]);
    return Array.isArray(one) ? entries.map(([, item]) => item) : Object.fromEntries(entries);
  };
  return fc.tuple(fc.constantFrom(...paths), fc.jsonValue()).map(([path, other]) => put(value, path, other));
};

/** Opens what is there, to read or to write; a Failure state.* leaves every byte as it was, anything else is a bug. */
async function opens(path: string, parent: string, before: Record<string, Buffer>, write: boolean): Promise<void> {
  let failed = false;
  try {
    await using _ = await openStore({ storage: fileStorage(path), operation: "apply", write, signal });
  } catch (error) {
    failed = true;
    expect(error).toBeInstanceOf(Failure);
    if (error instanceof Failure) expect(error.code).toStartWith("state.");
  }
  if (write && !failed) return;
  const expected = Object.entries(before).map(([name, bytes]) => [name, bytes.toString("latin1")]);
  expect(await contents(parent)).toEqual(Object.fromEntries(expected));
}

test(`${RUNS} mutated documents: a state, or a Failure that changes nothing`, async () => {
  await using dir = await directory();
  const path = join(dir.path, "s.json");
  const mutated = fc.oneof(
    edits(document),
    swapped(JSON.parse(document)).map((value) => Buffer.from(JSON.stringify(value))),
  );
  await fc.assert(
    fc.asyncProperty(mutated, fc.integer({ min: 0, max: 9 }), async (bytes, kind) => {
      await writeFile(path, bytes);
      await opens(path, dir.path, { "s.json": bytes }, kind === 0);
    }),
    { numRuns: RUNS },
  );
}, 300_000);

test(`${RUNS} mutated journals: a state, or a Failure that changes nothing`, async () => {
  await using dir = await directory();
  const path = join(dir.path, "s.json");
  const name = ".images/journal/s.json/r.open.jsonl";
  const journal = said.map((one, i) => encode(i + 1, "2026-01-01T00:00:00Z", one)).join("");
  // Rows that are well sealed and wrong all the same, as another version might write them.
  const sealed = swapped(said.slice(1)).map((lines) =>
    Buffer.from(
      [{ begin }, ...(Array.isArray(lines) ? lines : [lines])]
        .map((one, i) => encode(i + 1, "2026-01-01T00:00:00Z", one))
        .join(""),
    ),
  );
  await fc.assert(
    fc.asyncProperty(fc.oneof(edits(journal), sealed), fc.integer({ min: 0, max: 9 }), async (bytes, kind) => {
      await mkdir(join(dir.path, ".images/journal/s.json"), { recursive: true });
      await writeFile(path, document);
      await writeFile(join(dir.path, name), bytes);
      await opens(path, dir.path, { "s.json": Buffer.from(document), [name]: bytes }, kind === 0);
      if (kind === 0) await emptied(dir.path);
    }),
    { numRuns: RUNS },
  );
}, 300_000);

async function emptied(path: string): Promise<void> {
  for (const name of await readdir(path)) await rm(join(path, name), { recursive: true });
}
