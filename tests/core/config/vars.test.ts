// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is the syntax of variables
import { describe, expect, test } from "bun:test";
import { type Node, tableOf } from "../../../src/core/config/node.ts";
import { Problems } from "../../../src/core/config/problems.ts";
import { readToml } from "../../../src/core/config/read.ts";
import { parseVars, substituteVars } from "../../../src/core/config/vars.ts";
import { asFailure } from "../../../src/core/failure.ts";

const ENV = { HOME: "/home/me", RELEASE: "13", EMPTY: "" };

function filled(text: string, vars: Record<string, string> = {}, files: readonly string[] = []) {
  const problems = new Problems();
  const given = { vars, files: files.map((file, i) => readToml(file, `${i}.toml`)), env: ENV };
  const root = substituteVars(readToml(text, "f"), given, problems);
  const told = problems.errors.map(
    ({ at, message, hint }) =>
      `${at === undefined ? "-" : `${at.line}:${at.column}+${at.width}`} ${message}${hint === undefined ? "" : ` | ${hint}`}`,
  );
  return { values: tableOf(root.entries), told, root };
}

test("variables and the environment, in any string", () => {
  const { values, told } = filled(`
a = "debian-\${var.release}/\${ env.RELEASE }"
b = ["\${var.list}", { c = "\${var.number}-\${var.flag}" }]
d = "\${var.number}"
e = "\${var.table}"
f = '\${var.list}'
g = "$\${var.release} costs $5 and \${env.EMPTY}"
[vars]
release = "12"
number = 3
flag = true
list = ["x", "\${var.release}"]
table = { k = "v" }
`);
  expect(told).toEqual([]);
  expect(values).toEqual({
    a: "debian-12/13",
    b: [["x", "12"], { c: "3-true" }],
    d: 3,
    e: { k: "v" },
    f: ["x", "12"],
    g: "${var.release} costs $5 and ",
  });
});

test("what comes from a variable stands where it is used", () => {
  const { root } = filled('[vars]\nx = [1, { y = 2 }]\n[a]\nb = "${var.x}"');
  const places = (node: Node): string[] => [
    `${node.at.line}:${node.at.column}`,
    ...(node.kind === "list" ? node.items.flatMap(places) : []),
    ...(node.kind === "table" ? [...node.entries.values()].flatMap(({ value }) => places(value)) : []),
  ];
  const a = root.entries.get("a")?.value;
  expect(a && places(a)).toEqual(["3:1", "4:5", "4:5", "4:5", "4:5"]);
});

test("the command line goes before files, later files before earlier ones, and those before [vars]", () => {
  const text = 'a = "${var.a}${var.b}${var.c}"\n[vars]\na = "1"\nb = "1"\nc = "1"';
  expect(filled(text, { a: "4" }, ['a = "2"\nb = "2"\nunused = 1', 'b = "3"'])).toMatchObject({
    values: { a: "431" },
    told: [],
  });
});

test("a variable of the command line takes the type that it is declared with", () => {
  const text =
    'n = "${var.n}"\nb = "${var.b}"\nl = "${var.l}"\ns = "${var.s}"\nu = "${var.u}"\n[vars]\nn = 1\nb = false\nl = []\ns = ""';
  expect(filled(text, { n: "7", b: "true", l: '["x"]', s: "007", u: "8" })).toMatchObject({
    values: { n: 7, b: true, l: ["x"], s: "007", u: "8" },
    told: [],
  });
  expect(filled(text, { n: "seven", b: "1", l: "x", u: "" }).told).toEqual([
    "- --var n: expected a number, as in [vars]",
    "- --var b: expected a boolean, as in [vars]",
    "- --var l: expected a list, as in [vars]",
  ]);
});

describe("mistakes", () => {
  test.each<[string, string[]]>([
    ['a = "x ${var.relase}"', ["1:8+13 there is no variable relase | did you mean release?"]],
    ['a = "ü𝒳 ${var.zzzzzz}"', ["1:9+13 there is no variable zzzzzz | known here: list, release"]],
    ['a = """\n\n  ${env.RELEAS}"""', ["3:3+13 the environment variable RELEAS is not set | did you mean RELEASE?"]],
    ['a = "${env.QQQQQQ}"', ["1:6+13 the environment variable QQQQQQ is not set | export QQQQQQ=…"]],
    ['a = "${release}"', ["1:6+10 ${release} is unknown | write ${var.NAME} or ${env.NAME}; $${ is a literal ${"]],
    ['a = "${var.release"', ["1:6+13 ${ is not closed | write ${var.NAME} or ${env.NAME}; $${ is a literal ${"]],
    ['a = "x-${var.list}"', ["1:8+11 ${var.list} is a list and cannot be part of a string"]],
    [
      'a = "${var.x}"\nb = ["${var.y}", "${var.x}"]',
      [
        "1:6+8 there is no variable x | known here: list, release",
        "2:7+8 there is no variable y | known here: list, release",
        "2:19+8 there is no variable x | known here: list, release",
      ],
    ],
  ])("%p", (text, expected) => {
    expect(filled(`${text}\n[vars]\nrelease = "12"\nlist = []`).told).toEqual(expected);
  });

  test("circles are told once, with the way", () => {
    expect(filled('a = "${var.a}"\n[vars]\na = "${var.b}"\nb = "x${var.c}"\nc = "${var.a}"').told).toEqual([
      "5:6+8 variables refer to each other: a -> b -> c -> a",
    ]);
    expect(filled('[vars]\na = "${var.a}"').told).toEqual(["2:6+8 variables refer to each other: a -> a"]);
  });

  test("declared ones are looked at also where nobody uses them; given ones that nobody knows are slips", () => {
    expect(filled('[vars]\na = "${var.b}"\n"1x" = 2', { relase: "1" }).told).toEqual([
      "- --var relase: there is no such variable | known here: 1x, a",
      "2:6+8 there is no variable b | did you mean a?",
      '3:1+4 "1x" cannot be a variable | a variable\'s name is letters, digits, _ and -, and begins with a letter',
    ]);
    expect(filled("vars = 5").told).toEqual(["1:8+1 vars is a table: [vars]"]);
  });
});

test("name=value", () => {
  expect(parseVars(["a=1", "b_c-d==x", "e="])).toEqual({ a: "1", "b_c-d": "=x", e: "" });
  for (const bad of ["a", "=1", "1a=2", "a b=c"]) {
    let failure = asFailure("none");
    try {
      parseVars([bad]);
    } catch (thrown) {
      failure = asFailure(thrown);
    }
    expect(failure.code).toBe("cli.usage");
  }
});
