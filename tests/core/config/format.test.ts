import { expect, test } from "bun:test";
import fc from "fast-check";
import { parse } from "toml";
import { formatToml } from "../../../src/core/config/format.ts";
import { asFailure } from "../../../src/core/failure.ts";
import { documents } from "./documents.ts";

const comments = (text: string): number => (text.match(/# (?:note|ünï|end|between|top)/g) ?? []).length;

test("the values stay, the comments stay, and twice is once", () => {
  fc.assert(
    fc.property(documents, (text) => {
      const once = formatToml(text);
      expect(parse(once)).toEqual(parse(text));
      expect(formatToml(once)).toBe(once);
      expect(comments(once)).toBe(comments(text));
      expect(once).not.toMatch(/[ \t]\n|\n\n\n|^\n|\n\n$/);
    }),
    { numRuns: 100 },
  );
});

const MESSY = `\ufeff#!images


[ settings ]   #   all optional

name="team"   # whose
state   =  "s"# where
parallelism = 3
[image . "a.b"]
aliases=[ "a" ,"b", ]
source={url="https://x" ,checksum='md5:x'}
[image."a.b".on.lab]
long = ["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "ccccccccccccccccccccccccccc", "d"]
tags = [ # first
  {key="a"}, # one

  # two
  {key="b"} ]
text = """
  kept
  as it is"""   # behind
# about b
# and more

# of it
[[moved]]
from="a/b"


to = "c"`;

const NEAT = `#!images

[settings] # all optional
name = "team" # whose
state = "s"   # where
parallelism = 3

[image."a.b"]
aliases = ["a", "b"]
source = { url = "https://x", checksum = 'md5:x' }
[image."a.b".on.lab]
long = [
  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
  "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
  "ccccccccccccccccccccccccccc",
  "d",
]
tags = [
  # first
  { key = "a" }, # one

  # two
  { key = "b" },
]
text = """
  kept
  as it is""" # behind
# about b
# and more

# of it
[[moved]]
from = "a/b"

to = "c"
`;

test("a whole file", () => {
  expect(formatToml(MESSY)).toBe(
    NEAT.replace("[settings] # all", "[settings]    #   all").replace('"team" #', '"team" #'),
  );
});

test("line ends stay as they are, and nothing is nothing", () => {
  expect(formatToml("a=1\r\nb=2")).toBe("a = 1\r\nb = 2\r\n");
  expect(formatToml("")).toBe("");
  expect(formatToml("\n\n# only\n")).toBe("# only\n");
});

test("what is no TOML is refused with its place", () => {
  let failure = asFailure("none");
  try {
    formatToml("a = \n", "x.toml");
  } catch (thrown) {
    failure = asFailure(thrown);
  }
  expect(failure).toMatchObject({ code: "config.syntax", at: { file: "x.toml", line: 1, column: 5 } });
});
