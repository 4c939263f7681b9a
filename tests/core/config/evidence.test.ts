import { expect, test } from "bun:test";
import { config, told } from "./told.ts";

// What proves bytes, as it is declared: sums files, algorithms, hosts, and what [policy] asks of them.

const MARKS =
  '[backend.st]\nplugin = "store"\npath = "/srv"\n[backend.big]\nplugin = "cloud"\ntoken = "env:T"\n[backend.lab]\nplugin = "lab"\n[backend.cl]\nplugin = "cloner"\n';
const HEX = "a".repeat(64);

const sourceOf = async (source: string) => {
  const { config: read } = await config(`[image.a]\nbackend = "st"\nsource = ${source}\n${MARKS}`);
  return read.resources[0]?.source;
};
const checksumOf = async (checksum: string) =>
  (await sourceOf(`{ url = "https://x/a.img", checksum = ${checksum} }`))?.checksum;

test("an entry of a sums file", async () => {
  expect(await checksumOf('{ sums = "sha256:https://x/SUMS", name = "b.img" }')).toEqual({
    kind: "sums",
    algorithm: "sha256",
    where: "https://x/SUMS",
    name: "b.img",
  });
  expect(await checksumOf('{ sums = "./SUMS" }')).toEqual({ kind: "sums", where: "/etc/images/SUMS" });
  expect(await checksumOf('{ sums = "https://x/SUMS", name = "b.img" }')).toEqual({
    kind: "sums",
    where: "https://x/SUMS",
    name: "b.img",
  });
  expect(await checksumOf(`"sha224:${"b".repeat(56)}"`)).toMatchObject({ kind: "digest" });
});

const mirrored = async (rest: string) =>
  await sourceOf(`{ urls = ["https://x/pub/a.img?v=2#f", "https://y:8443/a.img"], ${rest} }`);

test("sums files and signatures on several mirrors: a list, or beside each of them", async () => {
  expect(await checksumOf('{ sums = ["sha256:https://x/S", "sha256:https://y/S", "sha256:./S"], name = "b" }')).toEqual(
    {
      kind: "sums",
      algorithm: "sha256",
      where: "https://x/S",
      elsewhere: ["https://y/S", "/etc/images/S"],
      name: "b",
    },
  );
  expect(
    await mirrored('checksum = "sha256:{url}.sha256", signature = "{directory}/S.asc", key = "./k"'),
  ).toMatchObject({
    checksum: {
      kind: "sums",
      algorithm: "sha256",
      where: "https://x/pub/a.img.sha256",
      elsewhere: ["https://y:8443/a.img.sha256"],
    },
    signature: { where: "https://x/pub/S.asc", elsewhere: ["https://y:8443/S.asc"], key: "/etc/images/k" },
  });
  expect(await mirrored('checksum = { sums = ["{directory}/SUMS", "https://z/SUMS"] }')).toMatchObject({
    checksum: { where: "https://x/pub/SUMS", elsewhere: ["https://y:8443/SUMS", "https://z/SUMS"] },
  });
  expect(
    await mirrored('signature = ["https://x/a.asc", "./a.asc"], key = "./k", checksum = { sums = "{directory}/../S" }'),
  ).toMatchObject({
    signature: { where: "https://x/a.asc", elsewhere: ["/etc/images/a.asc"] },
    checksum: { where: "https://x/pub/../S" },
  });
  expect(
    await sourceOf(
      '{ url = "https://x/d.img", metadata = { url = "https://x/m.tar", checksum = "sha256:{url}.sha256" } }',
    ),
  ).toMatchObject({ metadata: { checksum: { where: "https://x/m.tar.sha256" } } });
});

test("[policy] https and algorithms hold for each of them", async () => {
  const sums = (text: string) => policy(url(`{ sums = ${text} }`), 'require = ["https", "checksum"]');
  expect(await sums('["sha256:https://x/S", "sha256:https://y/S"]')).toEqual([]);
  expect((await sums('["sha256:https://x/S", "sha256:http://y/S"]')).join()).toContain("not every URL is https://");
  const signed = url('"sha256:https://x/S", signature = ["https://x/S.asc", "http://y/S.asc"], key = "./k"');
  expect((await policy(signed, 'require = ["https"]')).join()).toContain("not every URL is https://");
});

const wrong = async (rest: string) =>
  (await told(`[image.a]\nbackend = "st"\nsource = { url = "https://x/a.img", ${rest} }\n${MARKS}`)).join("\n");

test("what is wrong with it is told", async () => {
  expect(await wrong(`checksum = { sums = "sha256:${HEX}" }`)).toContain("expected the URL or path of a sums file");
  expect(await wrong('checksum = { name = "b" }')).toContain("sums is missing");
  expect(await wrong('checksum = { sums = "./S", nam = "b" }')).toContain("did you mean name?");
  expect(await wrong("checksum = { sums = [] }")).toContain("source.checksum.sums is empty");
  expect(await wrong('checksum = { sums = ["sha256:https://x/S", "sha512:https://y/S"] }')).toContain(
    "source.checksum.sums: all sums files need the same algorithm",
  );
  expect(await wrong('checksum = "sha256:{dir}/S"')).toContain("unknown {dir}: expected {url} or {directory}");
  expect(await wrong('signature = [], key = "./k"')).toContain("source.signature is empty");
  expect(await wrong('signature = [1], key = "./k"')).toContain("got a number");
  expect(await wrong('checksum = { sums = ["https://u:p@x/S"] }')).toContain("must be a reference, not a literal");
  expect(
    (
      await told(`[image.a]\nbackend = "st"\nsource = { file = "x.img", checksum = "sha256:{url}.sha256" }\n${MARKS}`)
    ).join(),
  ).toContain("{url} is only valid with url and urls");
  expect(await wrong("checksum = 1")).toContain("expected a string or a table, got a number");
  expect(await wrong(`checksum = "sha224:${HEX}"`)).toContain("a sha224 digest has 56 hexadecimal digits");
});

test("hosts are hosts, and a CA is a path", async () => {
  const spec = await sourceOf(
    '{ urls = ["https://x/a", "https://y:8443/a"], hosts = ["X", "y:8443", "[::1]:80"], username = "u", password = "env:P", ca = "./ca.pem" }',
  );
  expect(spec).toMatchObject({ hosts: ["x", "y:8443", "[::1]:80"], ca: "/etc/images/ca.pem" });
  for (const host of ["https://x", "x/y", "", "x y", "u@x", "x:y"])
    expect(await wrong(`hosts = ["${host}"]`)).toContain("source.hosts: expected HOST or HOST:PORT");
  expect(
    (await told(`[image.a]\nbackend = "st"\nsource = { file = "x.img", hosts = ["x"] }\n${MARKS}`)).join(),
  ).toContain("source.hosts is only valid with url and urls");
  expect(await sourceOf('{ file = "x.img", ca = "/ca.pem" }')).toMatchObject({ kind: "file", ca: "/ca.pem" });
});

const policy = async (images: string, rules = 'require = ["checksum"]') =>
  (await told(`[policy]\n${rules}\n${images}\n${MARKS}`)).map((line) => line.replace(/^\S+ /, ""));
const url = (checksum: string) =>
  `[image.a]\nbackend = "st"\nsource = { url = "https://x/a.img", checksum = ${checksum} }`;

test("md5 and sha1 do not count as a checksum, unless they are named", async () => {
  for (const name of ["md5", "sha1"]) {
    const told = [
      `${name} is not accepted as a checksum by [policy] | use sha512, or allow it: [policy] algorithms = ["${name}", …]`,
    ];
    expect(await policy(url(`"${name}:https://x/S"`))).toEqual(told);
    expect(await policy(url(`{ sums = "${name}:https://x/S", name = "q" }`))).toEqual(told);
    expect(await policy(url(`"${name}:https://x/S"`), `require = ["checksum"]\nalgorithms = ["${name}"]`)).toEqual([]);
    expect(await policy(url(`"${name}:https://x/S"`), "require = []")).toEqual([]);
  }
  for (const name of ["sha224", "sha256", "sha384", "sha512"])
    expect(await policy(url(`"${name}:https://x/S"`))).toEqual([]);
  expect(await policy(url('{ sums = "https://x/S" }'))).toEqual([]);
  expect(
    await policy(
      '[image.a]\nbackend = "big"\nname = "a"\nfile_path = "x"\nfile_hash = "d41d8cd98f00b204e9800998ecf8427e"',
    ),
  ).toEqual([
    'md5 is not accepted as a checksum by [policy] | use sha512, or allow it: [policy] algorithms = ["md5", …]',
  ]);
});

test("algorithms that are named hold for every checksum", async () => {
  const rules = 'algorithms = ["sha512", "sha384"]';
  expect(await policy(url('"sha384:https://x/S"'), rules)).toEqual([]);
  expect((await policy(url(`"sha256:${HEX}"`), rules))[0]).toStartWith("sha256 is not accepted as a checksum");
  expect(await policy(url('{ sums = "https://x/S" }'), rules)).toEqual([
    '[policy] algorithms requires an algorithm before the sums file | sums = "sha512:…"',
  ]);
});

const bytes = `source = { url = "https://x/a.img", checksum = "sha256:${HEX}" }`;
const IMAGE = '[image.b]\nbackend = "st"\nsource = { image = "st/a" }\n';

test("bytes of another image: proven where it is made, or here", async () => {
  expect(await policy(`${IMAGE}[image.a]\nbackend = "st"\n${bytes}`)).toEqual([]);
  const there = '[image.a]\nbackend = "st"\nexisting = true\n';
  const refused = [
    'the bytes of st/a cannot be verified (no checksum), and [policy] requires it | checksum = "sha256:…" in source',
  ];
  expect(await policy(IMAGE + there)).toEqual(refused);
  expect(await policy(`${IMAGE}${there}${bytes}`)).toEqual(refused);
  expect(await policy(`${IMAGE}[image.c]\nbackend = "st"\nsource = { image = "st/b" }\n${there}`)).toEqual([
    ...refused,
    ...refused,
  ]);
  const declared = `[image.b]\nbackend = "st"\nsource = { image = "st/a", checksum = "sha256:${HEX}" }\n`;
  expect(await policy(`${declared}[image.c]\nbackend = "st"\nsource = { image = "st/b" }\n${there}`)).toEqual([]);
  expect(await policy(declared.replace("sha256", "md5").replace(HEX, "a".repeat(32)) + there)).toEqual([
    'md5 is not accepted as a checksum by [policy] | use sha512, or allow it: [policy] algorithms = ["md5", …]',
  ]);
});

test("what a backend makes by itself: its digest is known, or it is refused", async () => {
  const none = (label: string, name: string) =>
    `${label}: the backend reports no checksum of an image ${name}, and [policy] requires it | create the image from a source with it`;
  const machine = '[image.a]\nbackend = "cl"\nvm_id = "i-1"\n';
  expect(await policy(machine)).toEqual([none("vm_id", "from a machine")]);
  expect(await policy(`[image.a]\nbackend = "lab"\nsource_instance = { name = "x" }\n`)).toEqual([
    none("source_instance", "from an instance"),
  ]);
  expect(await policy(`[image.a]\nbackend = "lab"\nsource_image = { remote = "images", name = "x" }\n`)).toEqual([]);
  expect(await policy(machine, 'require = ["https"]')).toEqual([]);
  expect(await policy(machine, 'require = ["signature"]')).toEqual([
    "vm_id: the backend does not verify signatures, and [policy] requires it | create the image from a source with it",
  ]);
  expect(
    await policy(
      `[image.a]\nbackend = "lab"\nsource_image = { remote = "http://x", name = "a" }\n`,
      'require = ["https"]',
    ),
  ).toEqual(["source_image: not every URL is https://, and [policy] requires it | use https:// instead of http://"]);
});
