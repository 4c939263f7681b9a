// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is the syntax of variables
import { expect, test } from "bun:test";
import Ajv from "ajv";
import { parse } from "toml";
import { configSchema } from "../../../src/core/config/jsonschema.ts";
import { SAMPLES } from "./plugins.ts";

const ajv = new Ajv({ strict: true, strictTypes: false, allErrors: true });
const validate = ajv.compile(configSchema(SAMPLES));

const errors = (text: string): string[] => {
  validate(JSON.parse(JSON.stringify(parse(text))));
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
};

const BACKENDS = '[backend.st]\nplugin = "store"\npath = "x"\n[backend.big]\nplugin = "cloud"\ntoken = "env:T"\n';

test("a right file, with variables in place of values", () => {
  expect(
    errors(
      `include = ["more.toml"]
[settings]
parallelism = "\${var.p}"
[policy]
require = ["checksum"]
[vars]
p = 3
${BACKENDS}
[backend.two]
plugin = "store"
path = "y"
peers = [{ host = "h", token = "env:X" }]
[backend.own]
plugin = "./mine.ts"
anything = { goes = 1 }
`,
    ),
  ).toEqual([]);
  expect(
    errors(`${BACKENDS}
[image.a]
backends = ["st", "big"]
source = { url = "https://x", checksum = "sha256:x", headers = { A = "b" } }
tags = ["a"]
name = "label"
min_disk_gb = "\${var.gigs}"
timeouts = { create = "20m" }
retain = { last = 3 }
[image.a.on.big]
tags = [{ key = "k" }]
user_data = "file:x"
on_remove = "deactivate"
[[moved]]
from = "st/a"
to = "st/b"
[[removed]]
from = "st/a"
[[import]]
to = "st/a"
id = 5
`),
  ).toEqual([]);
});

test.each([
  ["[setings]"],
  ["[settings]\nparallelism = 0"],
  ['[settings]\nparallelism = "x${var.p}"'],
  ['[policy]\nrequire = ["all"]'],
  ['[backend."a b"]\nplugin = "store"\npath = "x"'],
  ['[backend.a]\nplugin = "store"'],
  ['[backend.a]\nplugin = "stor"\npath = "x"'],
  ['[backend.a]\nplugin = "store"\npath = "x"\npth = 1'],
  ['[backend.a]\nplugin = "cloud"\ntoken = "literal"'],
  ['[backend.a]\nplugin = "store"\npath = "x"\npeers = [{ host = "h", token = "literal" }]'],
  ['[image.a]\nsorce = "x"'],
  ["[image.a]\nbackends = []"],
  ["[image.a]\nsource = { fle = 1 }"],
  ["[image.a]\non.b.backend = 1"],
  ['[image.a]\ndisk_format = "qcow2"'],
  ['[image.a]\nfingerprint = "x"'],
  ['[[moved]]\nfrom = "a/b"'],
])("a wrong one: %p", (text) => expect(errors(text)).not.toEqual([]));

test("attributes of plugins that nobody knows are allowed where the schema is open", () => {
  const open = ajv.compile(configSchema(SAMPLES, { open: true }));
  expect([open({ image: { a: { whatever: 1 } } }), validate({ image: { a: { whatever: 1 } } })]).toEqual([true, false]);
});
