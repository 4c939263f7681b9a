// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is the syntax of variables
import { describe, expect, test } from "bun:test";
import { parseConfig } from "../../../src/core/config/load.ts";
import { isBroken } from "../../../src/core/config/node.ts";
import { Secrets } from "../../../src/core/config/secrets.ts";
import { lookup } from "./plugins.ts";
import { config, ENV, told } from "./told.ts";

const BACKENDS = `[backend.st]
plugin = "store"
path = "x"
[backend.host]
plugin = "lab"
[backend.big]
plugin = "cloud"
token = "env:T"
[backend.vm]
plugin = "cloner"
`;
const LINES = BACKENDS.split("\n").length - 1;

/** What is told of an image (or other blocks) with the sample backends before it; lines count from its own first. */
const of = async (text: string): Promise<string[]> =>
  (await told(BACKENDS + text)).map((line) =>
    line
      .replace(/^\d+/, (n) => String(Number(n) - LINES))
      .replace(/(line )(\d+)/, (_, word, n) => word + (Number(n) - LINES)),
  );
const resource = async (text: string) => (await config(BACKENDS + text)).config.resources[0];

describe("origins", () => {
  test.each<[string, string[]]>([
    [
      '[image.a]\nbackend = "st"\n',
      ["1:1+9 the image has no origin | create it from bytes (source); or set existing = true"],
    ],
    [
      '[image.a]\nbackend = "vm"\n',
      [
        "1:1+9 the image has no origin | create it from a machine (vm_id), or from a copy (source_image_id, source_region); or set existing = true",
      ],
    ],
    ['[image.a]\nbackend = "st"\nexisting = true\n', []],
    ['[image.a]\nbackend = "st"\nstate = "absent"\n', []],
    ['[image.a]\nbackend = "st"\n[[import]]\naddress = "st/a"\nid = "x"\n', []],
    ['[image.a]\nbackend = "vm"\nvm_id = "i"\nno_reboot = true', []],
    ['[image.a]\nbackend = "vm"\nsource_image_id = "i"\n', ["3:1+15 source_image_id also needs source_region"]],
    [
      '[image.a]\nbackend = "vm"\nvm_id = "i"\nsource_image_id = "i"\nsource_region = "x"',
      ["4:1+15 an image has one origin: source_image_id here, and vm_id in line 3"],
    ],
    [
      '[image.a]\nbackend = "vm"\nsource_image_id = "i"\nsource_region = "x"\nno_reboot = true',
      ["5:1+9 no_reboot is only valid for an image from a machine | that needs vm_id"],
    ],
    [
      '[image.a]\nbackend = "vm"\nsource = "./x"',
      [
        "3:10+5 cloner does not accept uploads | cloner creates an image from a machine (vm_id), or from a copy (source_image_id, source_region)",
      ],
    ],
    ['[image.a]\nbackend = "host"\nsource = "images:alpine"\nmode = "push"', []],
    [
      '[image.a]\nbackend = "host"\nsource = "./x"\nmode = "push"',
      ["4:1+4 mode is only valid for an image from a remote or from a remote by its name | that needs source_image"],
    ],
    [
      '[image.a]\nbackend = "host"\nsource = "./x"\nsource_instance = { name = "i" }',
      ["4:1+15 an image has one origin: source_instance here, and source in line 3"],
    ],
    [
      '[image.a]\nbackend = "host"\nsource_instance = { name = "i" }\nlocal_file_path = "x"',
      ["4:19+3 an image has one origin: local_file_path here, and source_instance in line 3"],
    ],
  ])("%p", async (text, expected) => expect(await of(text)).toEqual(expected));

  test("an origin that is said for one backend takes the place of the image's own", async () => {
    const { config: read } = await config(`${BACKENDS}
[image.a]
backends = ["st", "host", "big"]
source = "./x"
label = "a"
[image.a.on.host]
source_image = { remote = "images", name = "alpine" }
[image.a.on.big]
disk_id = 1
linode_id = 2
`);
    expect<unknown>(read.resources.map(({ address, source, want }) => [address, source?.kind, want])).toEqual([
      ["st/a", "file", { public: false }],
      ["host/a", undefined, { source_image: { remote: "images", name: "alpine", type: "container" } }],
      ["big/a", undefined, { label: "a", disk_format: "raw", disk_id: 1, linode_id: 2 }],
    ]);
  });
});

describe("source", () => {
  test.each<[string, string[]]>([
    ["source = {}", ["3:10+2 source needs file, url, urls or image"]],
    ['source = { checksum = "sha256:x" }', ["3:10+25 source needs file, url, urls or image"]],
    [
      'source = { file = "a", url = "https://x" }',
      ["3:24+3 an image has one source: source.url here, and source.file in line 3"],
    ],
    ['source = "./a"\nfile_path = "b"', ["4:1+9 file_path and source in line 3 are the same: write one of them"]],
    [
      'source = "./a"\nimage_source_url = "https://b"',
      ["4:1+16 an image has one source: image_source_url here, and source in line 3"],
    ],
    ['image_source_username = "me"', ["3:1+21 image_source_username also needs an image_source_url or a file"]],
    [
      'image_source_url = "https://x"\nimage_source_password = "pw"',
      [
        '4:25+4 image_source_password is a secret: it must be a reference (env:, file:, cmd:), not a literal | write "env:NAME", "file:PATH" or "cmd:COMMAND"',
      ],
    ],
    [
      'source = { file = "a", password = "env:P", metadata = "m" }',
      ["3:24+8 source.password is only valid with url and urls"],
    ],
    [
      'source = { url = "https://x", metadata = "m" }',
      ["3:42+3 source.metadata: expected a URL, because the disk has one | metadata = { url = … }"],
    ],
    ['source = { url = "ftp://x" }', ["3:18+9 source.url: expected a URL that begins with https:// or http://"]],
    ["source = { urls = [] }", ["3:19+2 urls is empty"]],
    [
      'source = { urls = ["https://a", "b"] }',
      ["3:33+3 source.urls: expected a URL that begins with https:// or http://"],
    ],
    [
      'source = "https://me:pw@x/y"',
      [
        '3:10+19 source has a password in its URL: it must be a reference, not a literal | remove it from the URL, and set password = "env:NAME"',
      ],
    ],
    ['source = "oci://x"', ['3:10+9 source: a URL is http:// or https:// | a path begins with "./", "/" or "~/"']],
    ['source = "st/aa"', ["3:10+7 source: expected a path, a URL or a declared BACKEND/IMAGE | did you mean st/a?"]],
    ['source = { image = "st/zz" }', ["3:20+7 source.image: there is no image st/zz | there is: st/a"]],
    ['source = { image = "zz" }', ["3:20+4 source.image: expected BACKEND/IMAGE | as in `images state list`"]],
    ['source = { image = "st/a" }', ["3:10+18 images depend on each other: st/a -> st/a"]],
    [
      'source = { file = "a", checksum = "0f343b0931126a20f133d67c2b018a3b" }',
      [
        '3:35+34 source.checksum: expected ALGORITHM:DIGEST, or ALGORITHM: and the URL or path of a sums file | write "md5:" before it',
      ],
    ],
    [
      'source = { file = "a", checksum = "sha256:abcdef0123456789" }',
      ["3:35+25 source.checksum: a sha256 digest has 64 hexadecimal digits, and this has 16"],
    ],
    [
      'source = { file = "a", checksum = "sha265:./SUMS" }',
      ["3:35+15 source.checksum: unknown algorithm sha265 | did you mean sha256?"],
    ],
    [
      'source = { file = "a", checksum = "https://x/SUMS" }',
      [
        '3:35+16 source.checksum: expected ALGORITHM:DIGEST, or ALGORITHM: and the URL or path of a sums file | as in "sha256:…"',
      ],
    ],
    ['source = { file = "a", signature = "a.sig" }', ["3:24+9 source.signature also needs key"]],
    ['source = { file = "" }', ["3:19+2 expected a path"]],
    [
      'source = { file = "a", follow = "no", fil = 1 }',
      ["3:33+4 expected a boolean, got a string", '3:39+3 unknown key "fil" | did you mean file?'],
    ],
    [
      'source = { url = "https://x", headers = { Authorization = "Bearer x", "a b" = "c", Accept = "*/*", Cookie = "${env.NAME}" } }',
      [
        '3:59+10 Authorization is a secret: it must be a reference (env:, file:, cmd:), not a literal | write "env:NAME", "file:PATH" or "cmd:COMMAND"',
        '3:71+5 "a b" cannot be a header',
        '3:109+13 Cookie is a secret: it must be a reference (env:, file:, cmd:), not a literal | write "env:NAME"',
      ],
    ],
    ["source = 5", ["3:10+1 expected a string or a table, got a number"]],
    [
      'checksum = "sha256:x"\nsource = "./x"',
      ['3:1+8 unknown key "checksum" | it goes into source: source = { checksum = "…" }'],
    ],
    [
      'file = "x"\nsource = "./x"',
      ['3:1+4 file is computed by the backend and cannot be set | it goes into source: source = { file = "…" }'],
    ],
  ])("%p", async (text, expected) => expect(await of(`[image.a]\nbackend = "st"\n${text}`)).toEqual(expected));

  test("all parts of it", async () => {
    const found = await resource(`[image.a]
backend = "st"
source = { urls = ["https://a/x", "http://b/x"], checksum = "SHA256:./SUMS", signature = "https://a/SUMS.gpg", key = "keys/a.asc", username = "env:U", password = "file:pw", headers = { Accept = "x", X-Token = "env:X" }, cache = "~/c", member = "disk.raw", decompress = true }`);
    expect(found?.source).toMatchObject({
      kind: "url",
      urls: ["https://a/x", "http://b/x"],
      checksum: { kind: "sums", algorithm: "sha256", where: "/etc/images/SUMS" },
      signature: { where: "https://a/SUMS.gpg", key: "/etc/images/keys/a.asc" },
      username: "env:U",
      password: "file:pw",
      headers: { Accept: "x", "X-Token": "env:X" },
      cache: "/home/me/c",
      member: "disk.raw",
      decompress: true,
      follow: true,
    });
    const split = await resource('[image.a]\nbackend = "st"\nsource = { file = "r.squashfs", metadata = "m.tar" }');
    expect(split?.source).toMatchObject({
      kind: "file",
      path: "/etc/images/r.squashfs",
      metadata: "/etc/images/m.tar",
    });
  });

  test("a text is the plugin's own where it is none of ours", async () => {
    const sources = [
      "images:alpine/edge",
      "images:debian.img",
      "./x",
      "disk.qcow2",
      "https://x/y",
      "st/b",
      "st/unknown",
    ];
    const found = await Promise.all(
      sources.map(async (source) => {
        const text = `[image.a]\nbackend = "host"\nsource = "${source}"\n[image.b]\nbackend = "st"\nsource = "./b"`;
        const one = await resource(text);
        return [one?.source?.kind, one?.want["source"]];
      }),
    );
    expect<unknown>(found).toEqual([
      [undefined, "images:alpine/edge"],
      [undefined, "images:debian.img"],
      ["file", undefined],
      ["file", undefined],
      ["url", undefined],
      ["image", undefined],
      [undefined, "st/unknown"],
    ]);
  });

  test("another tool's name that is an attribute of the plugin is both", async () => {
    const found = await resource(
      '[image.a]\nbackend = "big"\nname = "a"\nfile_path = "x"\nfile_hash = "d41d8cd98f00b204e9800998ecf8427e"',
    );
    expect<unknown>([found?.want["file_hash"], found?.want["file_path"], found?.source?.checksum]).toEqual([
      "d41d8cd98f00b204e9800998ecf8427e",
      undefined,
      { kind: "digest", digest: "md5:d41d8cd98f00b204e9800998ecf8427e", label: "file_hash" },
    ]);
  });

  test("circles of images, over several backends", async () => {
    expect(
      await of(
        '[image.a]\nbackend = "st"\nsource = "host/b"\n[image.b]\nbackend = "host"\nsource = { image = "st/a" }\n',
      ),
    ).toEqual(["3:10+8 images depend on each other: st/a -> host/b -> st/a (also line 6)"]);
  });
});

describe("images", () => {
  test.each<[string, string[]]>([
    ['[image.a]\nsource = "./x"', ['1:1+9 image a has no backend | write backend = "st"; backends: st, host, big, vm']],
    [
      '[image.a]\nbackend = "st"\nbackends = ["st"]\nsource = "./x"',
      ["3:1+8 backend and backends mean the same: write one of them"],
    ],
    [
      '[image.a]\nbackends = []\nsource = "./x"',
      ["2:12+2 backends is empty | enabled = false leaves an image as it is"],
    ],
    [
      '[image.a]\nbackend = ["st"]\nsource = "./x"',
      ['2:11+6 backend is one name | several go into backends = ["…", "…"]'],
    ],
    ['[image.a]\nbackends = "st"\nsource = "./x"', []],
    ['[image.a]\nbackends = ["st", 5]\nsource = "./x"', ["2:19+1 expected the name of a backend"]],
    [
      '[image."a b"]\nbackend = "st"',
      [
        '1:8+5 "a b" cannot be an image: a name is 1 to 63 letters, digits, dots, dashes and underscores, beginning with a letter or digit',
      ],
    ],
    ["[image]\na = 5", ["2:5+1 image.a: expected a table"]],
    [
      '[image.a]\nbackend = "st"\nsource = "./x"\n[image.a.on.host]\n[image.a.on.sst]\n',
      [
        '4:13+4 image a is not on host | add "host" to its backends',
        '5:13+3 there is no backend "sst" | did you mean st?',
      ],
    ],
    ['[image.a]\nbackend = "st"\nsource = "./x"\non = 1\n', ["4:6+1 on is a table: [image.a.on.BACKEND]"]],
    [
      '[image.a]\nbackends = ["st", "host"]\nsource = "./x"\nalias = []\nmode = "push"\n',
      [
        '4:1+5 unknown key "alias" | did you mean aliases?',
        "5:1+4 mode is only valid for an image from a remote or from a remote by its name (lab) | that needs source_image",
      ],
    ],
    [
      '[image.a]\nbackend = "st"\nsource = "./x"\n[image.a.on.st]\nbackend = "st"\nmode = "push"\nprotct = true',
      [
        "5:1+7 backend belongs to the image, not to one backend",
        '6:1+4 unknown key "mode" | see: images plugins store',
        '7:1+6 unknown key "protct" | did you mean protect?',
      ],
    ],
    ['[image.a]\nbackends = ["st", "big"]\nsource = "./x"', ["1:1+9 label is missing (cloud) | A name."]],
    [
      '[image.a]\nbackend = "big"\nsource = "./x"\nlabel = "a"\nname = "b"',
      ["5:8+3 name and label are the same: write one of them"],
    ],
    [
      '[image.a]\nbackend = "big"\nsource = "./x"\nlabel = "a!"\ntags = [{ key = "a" }, { key = "" }]',
      ["4:9+4 no ! in labels", "5:32+2 empty key"],
    ],
    [
      '[image.a]\nbackend = "big"\nsource = "./x"\nlabel = "a"\ntags = [{ key = "a", vlue = 1 }, { value = "" }]',
      ['5:22+4 unknown key "vlue" | did you mean value?', "5:34+14 key is missing | Key."],
    ],
    [
      '[image.a]\nbackend = "big"\nsource = "./x"\nlabel = "a"\nuser_data = "boom"\nmin_disk_gb = "3"\ndisk_format = "qcow2"',
      [
        '5:13+6 user_data is a secret: it must be a reference (env:, file:, cmd:), not a literal | write "env:NAME", "file:PATH" or "cmd:COMMAND"',
        "6:15+3 expected a whole number, got a string",
        '7:15+7 expected "raw" | "iso", got "qcow2"',
      ],
    ],
    [
      '[image.a]\nbackend = "st"\nsource = "./x"\ntimeout = "1x"\ntimeouts = { craete = 1 }',
      [
        '4:11+4 expected seconds, or a duration like "90s", "20m", "1h30m"',
        "5:1+8 timeout and timeouts mean the same: write one of them",
        '5:14+6 unknown key "craete" | did you mean create?',
      ],
    ],
    [
      '[image.a]\nbackend = "st"\nsource = "./x"\nretain = { last = 0, then = "hide" }\non_remove = "hide"',
      ["4:19+1 expected 1 or more", "5:13+6 on_remove: store cannot hide an image | it can delete, forget"],
    ],
    [
      '[image.a]\nbackend = "st"\nsource = "./x"\nretain = { last = 1, then = "hide" }',
      ["4:10+27 retain: store cannot hide an image | it can delete, forget"],
    ],
    [
      '[image.a]\nbackend = "st"\nsource = "./x"\nignore_changes = ["tags", "tgas"]',
      ['4:27+6 ignore_changes: there is no attribute "tgas" | did you mean tags?'],
    ],
    [
      '[image.a]\nbackend = "st"\nsource = "./x"\nstate = "exported"',
      ['4:9+10 state: expected "present" | "absent" | that is a command: images export'],
    ],
    [
      '[image.a]\nbackend = "big"\nsource = "./x"\nlabel = "x"\nstate = "gone"',
      ['5:9+6 state: expected "present" | "absent" | enabled = false leaves an image as it is'],
    ],
    ['[image.a]\nbackend = "vm"\nvm_id = "x"\nstate = "exported"', []],
    [
      '[image.a]\nbackend = "vm"\nvm_id = "x"\nstate = "other"',
      ['4:9+7 expected "present" | "absent" | "exported", got "other"'],
    ],
  ])("%p", async (text, expected) => expect(await of(text)).toEqual(expected));

  test("what is said for one backend goes before what is said for the image, in any spelling", async () => {
    const { config: read } = await config(`${BACKENDS}
[image.a]
backends = ["st", "big"]
source = "./x"
timeout = 5
name = "general"
aliases = ["a"]
[image.a.on.big]
label = "own"
timeouts = { create = "1m" }
on_remove = "deactivate"
`);
    expect<unknown>(read.resources.map(({ want, lifecycle }) => [want, lifecycle.timeout, lifecycle.onRemove])).toEqual(
      [
        [{ aliases: ["a"], public: false }, 5, "delete"],
        [{ label: "own", disk_format: "raw" }, 60, "deactivate"],
      ],
    );
  });
});

describe("blocks", () => {
  const image = '[image.a]\nbackend = "st"\nsource = "./x"\n[image.b]\nbackend = "st"\nsource = "./x"\n';
  test.each<[string, string[]]>([
    ['[[moved]]\nfrom = "st/o"\nto = "st/a"\n[[moved]]\nfrom = "st/p"\nto = "st/o"', []],
    [
      '[[moved]]\nfrom = "st/b"\nto = "st/a"',
      ["8:8+6 moved: st/b is still declared | declare a moved image under its new address only"],
    ],
    ['[[moved]]\nfrom = "st/o"\nto = "st/aa"', ["9:6+7 moved: there is no image st/aa | did you mean st/a?"]],
    ['[[moved]]\nfrom = "o"\nto = "st/a"', ["8:8+3 moved: expected BACKEND/IMAGE | as in `images state list`"]],
    [
      '[[moved]]\nfrom = "st/o"\nto = "st/a"\n[[moved]]\nfrom = "st/o"\nto = "st/b"',
      ["10:1+9 st/o is moved more than once | first in line 7"],
    ],
    [
      '[[moved]]\nfrom = "st/o"\nto = "st/p"\n[[moved]]\nfrom = "st/p"\nto = "st/o"',
      ["7:1+9 moved: st/o leads back to itself", "10:1+9 moved: st/p leads back to itself"],
    ],
    ['[[moved]]\nto = "st/a"', ["7:1+9 from is missing ([[moved]]) | An address: BACKEND/IMAGE."]],
    ['[moved]\nto = "st/a"', ["7:1+7 moved is a list of tables: [[moved]]"]],
    [
      '[[removed]]\naddress = "st/a"',
      ["8:11+6 removed: st/a is still declared | remove its block from the file, or this one"],
    ],
    ['[[removed]]\nfrom = "st/x"\ndestroy = 1', ["9:11+1 expected a boolean, got a number ([[removed]])"]],
    ['[[import]]\nto = "st/aa"\nid = "x"', ["8:6+7 import: there is no image st/aa | did you mean st/a?"]],
    ['[[import]]\nto = "st/a"\nid = ""', ["9:6+2 id is empty"]],
    [
      '[[import]]\nto = "st/a"\nid = 1\n[[import]]\nto = "st/a"\nid = 2',
      ["10:1+10 st/a is imported more than once | first in line 7"],
    ],
  ])("%p", async (text, expected) => expect(await of(image + text)).toEqual(expected));
});

test.each<[string, string[]]>([
  [
    'source = { url = "https://x" }',
    [
      '3:10+21 the source has no checksum, and [policy] requires it | checksum = "sha256:…" in source',
      "3:10+21 the source has no signature, and [policy] requires it | signature and key in source",
    ],
  ],
  [
    'source = { url = "http://x", checksum = "sha256:./S", signature = "s", key = "k" }',
    ["3:10+73 not every URL is https://, and [policy] requires it | use https:// instead of http://"],
  ],
  [
    'source = { file = "x", checksum = "sha256:http://S", signature = "s", key = "k" }',
    ["3:10+72 not every URL is https://, and [policy] requires it | use https:// instead of http://"],
  ],
])("policy: %p", async (text, expected) => {
  const found = await of(`[image.a]\nbackend = "st"\n${text}\n[policy]\nrequire = ["checksum", "https", "signature"]`);
  expect(found).toEqual(expected);
});

test("the state may be elsewhere, and no password stands in its URL", async () => {
  expect((await config('[settings]\nstate = "https://host/x"')).config.settings.state).toBe("https://host/x");
  expect((await config('[settings]\nstate = "s3://bucket/x"')).config.settings.state).toBe("s3://bucket/x");
  expect(await told('[settings]\nstate = "ftp://host/x"')).toEqual([
    "2:9+14 state: expected a path or an http://, https://, s3:// or postgres:// URL | for example https://host/path, s3://bucket/key, postgres://host/database?name=prod, or a path",
  ]);
  expect(await told('[settings]\nstate = "s3://bucket"')).toEqual([
    "2:9+13 state: expected s3://BUCKET/KEY | for example s3://team-state/images/prod.json",
  ]);
  expect(await told('[settings]\nstate = "s3://b/k?regoin=x"')).toEqual([
    '2:9+19 state: unknown option "regoin" of an s3:// URL | there is: region, endpoint, profile, path_style, encrypt',
  ]);
  // Without a name of its own, two files would share a state, and delete each other's images.
  expect(await told('[settings]\nstate = "postgres://h/d"')).toEqual([
    "2:9+16 state: a postgres:// URL names the state | add ?name=NAME (letters, digits, _ - . /): each images.toml has a state of its own",
  ]);
  expect(await told('[settings]\nstate = "s3://b/k"\nstate_password = "env:X"\nstate_lock = false')).toEqual([
    "3:18+7 state_password is for a state at a URL, and this one is in S3, whose credentials come from AWS_* variables, profiles or the instance",
    "4:14+5 state_lock is for a state over HTTP, and this one is in S3, whose credentials come from AWS_* variables, profiles or the instance",
  ]);
  expect(await told('[settings]\nstate = "postgres://u:p@h/d"')).toEqual([
    '2:9+20 state has a password in its URL: it must be a reference, not a literal | remove it from the URL, and set state_password = "env:NAME"',
  ]);
});

test("a name is required as soon as a backend writes markers, with the line to add", async () => {
  const of = (text: string) =>
    parseConfig(text, "/srv/team/images.toml", { env: ENV, lookup }).then(
      () => [],
      ({ problems }) => problems,
    );
  const backend = '[backend.st]\nplugin = "store"\npath = "x"\n';
  const problem = { code: "config.name", hint: expect.stringMatching(/\[settings\].* name = "team-[0-9a-f]{4}"$/) };
  expect(await of(backend)).toMatchObject([{ ...problem, at: { line: 1 } }]);
  expect(await of(`[settings]\nparallelism = 2\n${backend}`)).toMatchObject([
    { code: "config.name", hint: expect.stringMatching(/under \[settings\]: name = "team-[0-9a-f]{4}"$/) },
  ]);
  expect(await of(`${backend}mark = false\n`)).toEqual([]);
  expect(await of(`[settings]\nname = "x"\n${backend}`)).toEqual([]);
});

test("a reference in a setting that is no secret is warned of", async () => {
  expect(await told('[backend.st]\nplugin = "store"\npath = "env:STORE"')).toEqual([
    "warning 3:8+11 path is not a secret reference and is used literally | ${env.STORE} puts the variable's value in",
  ]);
});

test("a secret that is written out is concealed, never told, and hidden from every frame", async () => {
  const secrets = new Secrets({ directory: "/", env: {} });
  const text = '[backend.big]\nplugin = "cloud"\ntoken = "hunter2-literal"\nregon = 1';
  const thrown: unknown = await parseConfig(text, "f", { env: ENV, lookup, secrets }).catch((error: unknown) => error);
  expect(JSON.stringify(thrown)).not.toContain("hunter2");
  const hide = [{ line: 3, column: 9, width: 17 }];
  expect(thrown).toMatchObject({ problems: [{}, {}, { at: { line: 4, hide } }] });
  expect(secrets.redact("it is hunter2-literal")).toBe("it is (sensitive)");
});

test("a plugin's check that throws is told as the plugin's own mistake", async () => {
  const broken = async (name: string) => ({ ...(await lookup(name)), check: () => JSON.parse("{") });
  const found = parseConfig(
    '[backend.s]\nplugin = "store"\npath = "x"\n[image.a]\nsource = "./x"\n[settings]\nname = "n"',
    "f",
    {
      env: ENV,
      lookup: broken,
    },
  );
  expect(await found.catch(({ problems }) => problems)).toMatchObject([{ code: "plugin.check", at: { line: 4 } }]);
});

test("a broken value is found wherever it is", () => {
  const at = { file: "f", line: 1, column: 1 };
  const broken = { kind: "broken", at } as const;
  expect(
    isBroken({
      kind: "list",
      at,
      items: [{ kind: "table", at, entries: new Map([["a", { key: at, value: broken }]]) }],
    }),
  ).toBe(true);
});
