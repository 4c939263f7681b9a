// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is the syntax of variables
import { expect, test } from "bun:test";
import fc from "fast-check";
import { formatToml } from "../../../src/core/config/format.ts";
import { frame } from "../../../src/core/config/frame.ts";
import { parseConfig } from "../../../src/core/config/load.ts";
import { Failure } from "../../../src/core/failure.ts";
import { lookup } from "./plugins.ts";

/** How many mutated files are tried. 20,000 take about a minute, so they are for a run of their own: FUZZ_RUNS=20000. */
const RUNS = Number(process.env["FUZZ_RUNS"] ?? 1000);

const VALID = [
  `[settings]
name = "team"
parallelism = 4
[policy]
require = ["https", "checksum"]
[vars]
release = "12"
gigs = 3
[backend.st]
plugin = "store"
path = "./store" # here
peers = [{ host = "h", token = "env:X" }]
[backend.big]
plugin = "cloud"
token = "cmd:pass show cloud"
`,
  `[settings]
name = "hosts"
[backend.host]
plugin = "lab"
token = "env:LAB_TOKEN"
[image.alpine]
backend = "host"
source_image = { remote = "images", name = "alpine/edge" }
aliases = ["alpine-edge", 'ü𝒳']
retain = { last = 2, min_age = "7d", then = "delete" }
[image."b.c"]
source = "images:alpine/edge"
`,
  `[settings]
name = "store"
[backend.st]
plugin = "store"
path = "x"
[image.debian]
source = { url = "https://deb/debian-\${var.release}.qcow2", checksum = "sha512:https://deb/SUMS", headers = { Accept = "x" } }
backends = ["st"]
timeouts = { create = "20m", delete = 60 }
ignore_changes = ["tags"]
properties = { "a.b" = "\${env.HOME}", c = """
long
""" }
[image.debian.on.st]
tags = ["\${var.release}"]
[image.copy]
source = "st/debian"
state = "absent"
[vars]
release = "12"
`,
  `[backend.vm]
plugin = "cloner"
[image.a]
vm_id = "i"
enabled = false
[[moved]]
from = "vm/old"
to = "vm/a"
[[removed]]
address = "vm/gone"
destroy = true
[[import]]
to = "vm/a"
id = 17
`,
];

const PIECES = [
  ...["[", "]", "[[", "]]", "{", "}", "=", ",", ".", "#", '"', "'", '"""', "\\", "\n", "\r\n", "\t", "\0", "\u{1f600}"],
  ...["${var.release}", "${env.HOME}", "${", "$${", "env:X", "file:", "cmd:", "st/debian", "__proto__", "constructor"],
  ...[
    "[image.debian]",
    "[backend.st]",
    "[[moved]]",
    "image.a.b = 1\n",
    "on = 1\n",
    "include = ['x']\n",
    "toString",
    "\\u0000",
  ],
  ...["-1", "1e400", "nan", "0x7fffffffffffffff", "1979-05-27T07:32:00Z", "true", "[]", "{}", '""', "[[[]]]", "'''"],
];

type Mutation = (text: string) => string;
const place = fc.double({ min: 0, max: 1, noNaN: true });
const at = (text: string, where: number): number => Math.floor(where * text.length);

const onLines = (change: (lines: string[], a: number, b: number) => void): fc.Arbitrary<Mutation> =>
  fc.tuple(place, place).map(([a, b]) => (text) => {
    const lines = text.split("\n");
    change(lines, Math.floor(a * lines.length) % lines.length, Math.floor(b * lines.length) % lines.length);
    return lines.join("\n");
  });

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(place, fc.integer({ min: 1, max: 30 })).map(
    ([a, length]): Mutation =>
      (text) => {
        const start = at(text, a);
        return text.slice(0, start) + text.slice(start + length);
      },
  ),
  fc.tuple(place, fc.constantFrom(...PIECES)).map(
    ([a, piece]): Mutation =>
      (text) => {
        const start = at(text, a);
        return text.slice(0, start) + piece + text.slice(start);
      },
  ),
  fc.tuple(place, fc.string({ unit: "binary", maxLength: 3 })).map(
    ([a, piece]): Mutation =>
      (text) => {
        const start = at(text, a);
        return text.slice(0, start) + piece + text.slice(start + piece.length);
      },
  ),
  // Another type in place of a value.
  fc
    .tuple(
      place,
      fc.constantFrom("1", "true", '"x"', "[]", "{}", "[1, {a = 2}]", "-0.5", "{ file = 1 }", '"${var.gigs}"'),
    )
    .map(
      ([a, value]): Mutation =>
        (text) => {
          const values = [...text.matchAll(/ = (.+)/g)];
          const one = values[Math.floor(a * values.length) % values.length];
          return one === undefined
            ? text
            : `${text.slice(0, one.index)} = ${value}${text.slice(one.index + one[0].length)}`;
        },
    ),
  // Another key.
  fc
    .tuple(
      place,
      fc.constantFrom("source", "backend", "on", "state", "file_path", "timeout", "retain", "plugin", '"a b"', "a.b.c"),
    )
    .map(
      ([a, key]): Mutation =>
        (text) => {
          const keys = [...text.matchAll(/^([a-z_]+)(?= =)/gm)];
          const one = keys[Math.floor(a * keys.length) % keys.length];
          return one === undefined ? text : text.slice(0, one.index) + key + text.slice(one.index + one[0].length);
        },
    ),
  onLines((lines, a, b) => {
    [lines[a], lines[b]] = [lines[b] ?? "", lines[a] ?? ""];
  }),
  onLines((lines, a, b) => void lines.splice(a, 0, lines[b] ?? "")),
  onLines((lines, a) => void lines.splice(a, 1)),
);

const mutated = fc
  .tuple(fc.shuffledSubarray(VALID, { minLength: 1, maxLength: 2 }), fc.array(mutation, { minLength: 1, maxLength: 4 }))
  .map(([parts, mutations]) => mutations.reduce((text, mutate) => mutate(text), parts.join("")));

test(
  "a mutated file is a configuration, or a failure that says where",
  async () => {
    let good = 0;
    let failed = 0;
    const env = { HOME: "/home/me" };
    await fc.assert(
      fc.asyncProperty(mutated, async (text) => {
        try {
          await parseConfig(text, "/x/images.toml", { env, lookup });
          good++;
        } catch (thrown) {
          if (!(thrown instanceof Failure)) throw thrown;
          failed++;
          expect(thrown.code).toBe("config.invalid");
          expect(thrown.problems.length).toBeGreaterThan(0);
          for (const { at: where, message, code } of thrown.problems) {
            if (!/^(config|plugin)\.[a-z]+$/.test(code) || message === "" || where === undefined)
              throw new Error(`${code} ${message}`);
            if (frame(text, where) === "") throw new Error(`no line ${where.line}`);
          }
        }
      }),
      { numRuns: RUNS },
    );
    expect(good + failed).toBe(RUNS);
    expect(good).toBeGreaterThan(RUNS / 50);
    expect(failed).toBeGreaterThan(RUNS / 4);
  },
  60_000 + RUNS * 50,
);

test(
  "what is mutated is formatted, or refused",
  () => {
    fc.assert(
      fc.property(mutated, (text) => {
        try {
          const once = formatToml(text);
          if (formatToml(once) !== once) throw new Error("not the same twice");
        } catch (thrown) {
          if (!(thrown instanceof Failure) || thrown.code !== "config.syntax") throw thrown;
        }
      }),
      { numRuns: RUNS / 20 },
    );
  },
  60_000 + RUNS * 50,
);
