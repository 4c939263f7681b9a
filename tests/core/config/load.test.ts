// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is the syntax of variables
import { expect, test } from "bun:test";
import { config, told } from "./told.ts";

const WHOLE = `
[settings]
name = "team"
parallelism = 4

[policy]
require = ["https"]

[vars]
release = "12"
gigs = 3

[backend.st]
plugin = "store"
path = "./store"
timeout = "2m"
rate_limit = 2.5
mark = false

[backend.host]
plugin = "lab"
token = "env:LAB_TOKEN"

[backend.big]
plugin = "cloud"
token = "cmd:pass show cloud"

[image.alpine]
backend = "host"
source_image = { remote = "images", name = "alpine/edge" }
aliases = ["alpine-edge"]
protect = true
on_remove = "forget"
retain = { last = 2, min_age = "7d" }

[image.debian]
source = { url = "https://deb/debian-\${var.release}.qcow2", checksum = "sha512:https://deb/SHA512SUMS", follow = false }
backends = ["st", "big"]
timeouts = { create = "20m", delete = 60 }
ignore_changes = ["tags"]
[image.debian.on.big]
name = "debian-\${var.release}"
min_disk_gb = "\${var.gigs}"
tags = [{ key = "os", value = "debian" }]
on_remove = "deactivate"
[image.debian.on.st]
aliases = ["d"]

[image.copy]
backend = "st"
source = "host/alpine"
adopt = true
enabled = false

[[moved]]
from = "st/old"
to = "st/copy"

[[removed]]
from = "st/gone"

[[import]]
to = "big/debian"
id = 17
`;

test("a whole file becomes a configuration", async () => {
  const { config: read, plugins, warnings } = await config(WHOLE);
  expect(warnings).toEqual([]);
  expect<unknown>([...plugins].map(([name, plugin]) => [name, plugin.name])).toEqual([
    ["st", "store"],
    ["host", "lab"],
    ["big", "cloud"],
  ]);
  expect(read).toMatchSnapshot();
});

test("the digest is that of the content: no comment, order or variable's name changes it, and every value does", async () => {
  const digest = async (text: string, vars: Record<string, string> = {}) => (await config(text, vars)).config.digest;
  const first = await digest(WHOLE);
  expect(await digest(`# a comment\n${WHOLE.replaceAll("release", "version")}\n`)).toBe(first);
  expect(await digest(WHOLE, { release: "13" })).not.toBe(first);
  expect(await digest(WHOLE.replace('"team"', '"other"'))).not.toBe(first);
});

test("the only backend there is takes every image", async () => {
  const { config: read } = await config(`
    [settings]
    name = "team"
    [backend.st]
    plugin = "store"
    path = "x"
    [image.a]
    source = "./a.img"
    [image.b]
    source = "~/b"
    [image.c]
    source = "https://x/c"
    [image.d]
    source = "st/a"
    [image.e]
    image_source_url = "https://x/e"
    image_source_username = "me"
    image_source_password = "env:PW"
    image_cache_path = "cache"
    [image.f]
    file_path = "f.raw"
    file_hash = "d41d8cd98f00b204e9800998ecf8427e"
    [image.g]
    local_file_path = "g.raw"
  `);
  expect<unknown>(read.resources.map(({ address, source }) => [address, { ...source, at: undefined }])).toEqual([
    ["st/a", { kind: "file", path: "/etc/images/a.img", follow: true, at: undefined }],
    ["st/b", { kind: "file", path: "/home/me/b", follow: true, at: undefined }],
    ["st/c", { kind: "url", urls: ["https://x/c"], follow: true, at: undefined }],
    ["st/d", { kind: "image", address: "st/a", follow: true, at: undefined }],
    [
      "st/e",
      {
        kind: "url",
        urls: ["https://x/e"],
        username: "me",
        password: "env:PW",
        cache: "/etc/images/cache",
        follow: true,
        at: undefined,
      },
    ],
    [
      "st/f",
      {
        kind: "file",
        path: "/etc/images/f.raw",
        checksum: { kind: "digest", digest: "md5:d41d8cd98f00b204e9800998ecf8427e", label: "file_hash" },
        follow: true,
        at: undefined,
      },
    ],
    ["st/g", { kind: "file", path: "/etc/images/g.raw", follow: true, at: undefined }],
  ]);
});

test("every mistake is told at once, in the order of the file", async () => {
  expect(
    await told(`
[settings]
paralelism = 4
name = "a b"

[backend.st]
plugin = "store"
pth = "x"
password = "hunter2"
peers = [{ host = "h", token = "xyz", tken = 1 }]

[backend.big]
plugin = "cloud"
token = "\${env.NAME}"
parallelism = 0

[backend."no name"]
plugin = "store"
path = ""

[backend.what]
plugin = "wat"

[backend.none]
path = "x"

[image.a]
backends = ["st", "bigg", "st"]
sorce = "./x"
on_remove = "hide"

[image.b]
source = { url = "ftp://x/y", checksum = "sha256:abc", key = "k" }
aliases = "one"

[imag.c]
x = 1
`),
  ).toMatchSnapshot();
});
