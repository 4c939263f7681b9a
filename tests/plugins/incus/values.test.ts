import { expect, test } from "bun:test";
import { createHash, X509Certificate } from "node:crypto";
import { address, backendName, type Desired, imageId, imageName, type Marker } from "images";
import { check } from "../../../src/core/model/check.ts";
import { diff } from "../../../src/core/plan/diff.ts";
import { declared, isLeft } from "../../../src/plugins/incus/aliases.ts";
import { selfSigned } from "../../../src/plugins/incus/certificate.ts";
import { edited } from "../../../src/plugins/incus/edit.ts";
import { NEVER, noteFor, notesOf, observed, partsOf, toProperties } from "../../../src/plugins/incus/image.ts";
import { metadataTar } from "../../../src/plugins/incus/metadata.ts";
import { boundaryOf, framed, framing, type TaggedFile, unframed } from "../../../src/plugins/incus/multipart.ts";
import { remoteImageRequest } from "../../../src/plugins/incus/request.ts";
import { rules } from "../../../src/plugins/incus/rules.ts";
import { type IncusImage, image } from "../../../src/plugins/incus/schema.ts";
import { addressOf, fingerprintOf } from "../../../src/plugins/incus/trust.ts";
import type { IncusImageAnswer } from "../../../src/plugins/incus/wire.ts";

const owner = address(backendName("lab"), imageName("a"));
const marker: Marker = { file: "team", owner, content: "sha256:1" };
const OWN_PLACE = {
  prefix: "",
  scopes: new Set([""]),
  remote: undefined,
  self: "certificate/default",
  usual: { project: "default" },
};
const FINGERPRINT = "ab".repeat(32);

function wanted(written: Readonly<Record<string, unknown>>): Desired<IncusImage> {
  const checked = check(image, written);
  if (!checked.ok) throw new Error(JSON.stringify(checked.faults));
  return checked.value;
}
const answer = (more: Partial<IncusImageAnswer> = {}): IncusImageAnswer => ({
  fingerprint: FINGERPRINT,
  properties: { os: "x", ...toProperties({ mark: marker, alias: "first", copied: ["theirs"] }) },
  public: false,
  auto_update: false,
  profiles: ["default"],
  aliases: [
    { name: "first", description: "" },
    { name: "theirs", description: "" },
    { name: "other", description: "said" },
  ],
  architecture: "x86_64",
  expires_at: NEVER,
  created_at: "2023-11-14T22:13:20Z",
  uploaded_at: "2026-01-01T00:00:00Z",
  filename: "a.tar",
  size: 5,
  type: "container",
  ...more,
});
const text = (value: string) => new TextEncoder().encode(value);

test("an image is shown without our notes, its aliases by where they come from", () => {
  const { id, marker: found, attributes, names } = observed(answer(), OWN_PLACE);
  expect([String(id), found]).toEqual([FINGERPRINT, marker]);
  expect(attributes).toMatchObject({
    alias: "first",
    aliases: [{ name: "other", description: "said" }],
    copied_aliases: ["theirs"],
    properties: { os: "x" },
    vm: false,
  });
  expect(attributes.expires_at).toBeUndefined();
  expect(names).toEqual(["first", "other", "theirs", FINGERPRINT]);
});

test("the note in an alias holds what a refresh by the server loses", () => {
  const note = noteFor({ mark: marker, alias: "first", copied: undefined }, FINGERPRINT);
  const refreshed = answer({ properties: { os: "new" }, aliases: [note ?? { name: "", description: "" }] });
  expect(notesOf(refreshed)).toEqual({ mark: marker, alias: "first", copied: undefined });
  expect(observed(refreshed, OWN_PLACE).attributes.aliases).toEqual([]);
});

test("an image is changed only where something differs, and what nobody declared stays", () => {
  const notes = notesOf(answer());
  expect(edited(answer(), wanted({}), [], notes)).toBeUndefined();
  expect(edited(answer(), wanted({ public: true }), [], notes)).toMatchObject({
    public: true,
    properties: { os: "x" },
  });
  expect(edited(answer(), wanted({}), ["properties.os"], notes)?.properties).toEqual(toProperties(notes));
  const cleared = edited(
    answer({ profiles: ["p"], expires_at: "2031-01-01T00:00:00Z" }),
    wanted({}),
    ["profiles", "expires_at"],
    notes,
  );
  expect(cleared).toMatchObject({ profiles: ["default"], expires_at: "1970-01-01T00:00:00.000Z" });
});

test("aliases in any spelling and order are the same; those of others stay where none are declared", () => {
  const both = ["b", { name: "a", description: "said" }];
  const have = { aliases: [{ name: "a", description: "said" }, "b"] };
  expect(diff({ aliases: image.aliases }, { have, want: { aliases: both } }).changes).toEqual([]);
  expect(diff({ aliases: image.aliases }, { have, want: { aliases: ["a", "b"] } }).changes.length).toBe(1);
  expect(declared(wanted({ alias: "a", aliases: ["b", "a"] })).map(({ name }) => name)).toEqual(["a", "b"]);
  const was = notesOf(answer());
  expect(isLeft("other", was, wanted({}), [])).toBe(false);
  expect(isLeft("other", was, wanted({}), ["aliases"])).toBe(true);
  expect(isLeft("theirs", was, wanted({}), [])).toBe(true);
});

test("ids name their place, aliases with slashes are none", () => {
  expect(partsOf(imageId("abc"))).toEqual({ remote: undefined, project: undefined, name: "abc" });
  expect(partsOf(imageId("far:p/abc"))).toEqual({ remote: "far", project: "p", name: "abc" });
});

test("an image of a remote in each spelling", () => {
  expect(remoteImageRequest(wanted({ source: "images:alpine/edge", vm: true }))).toMatchObject({
    remote: "images",
    name: "alpine/edge",
    type: "virtual-machine",
    copyAliases: false,
  });
  expect(remoteImageRequest(wanted({ source_image: { remote: "r", name: "x" } }))).toMatchObject({
    type: "container",
    copyAliases: true,
  });
  expect(remoteImageRequest(wanted({ source: "r:x", project: "from", target_project: "to" }))?.project).toBe("from");
  expect(remoteImageRequest(wanted({}))).toBeUndefined();
});

test("what excludes each other is told", () => {
  const told = (written: Readonly<Record<string, unknown>>) => rules(wanted(written)).map(({ attribute }) => attribute);
  expect(told({ aliases: ["a", { name: "a", description: "x" }] })).toEqual(["aliases"]);
  expect(told({ aliases: ["images:team:lab/a"] })).toEqual(["aliases"]);
  expect(told({ properties: { "images.owner": "x" } })).toEqual(["properties.images.owner"]);
  expect(told({ source: "r:x", refresh: true, follow: false })).toEqual(["refresh"]);
  expect(told({ source: "r:x", auto_update: true, mode: "relay" })).toEqual(["mode"]);
  expect(told({ source_instance: { name: "c" }, target_project: "p" })).toEqual(["target_project"]);
  expect(told({ source: "r:x", vm: true, auto_update: true })).toEqual([]);
});

test("a form comes apart as it was put together, however it is cut", async () => {
  const parts = [
    { name: "metadata", filename: "m.tar" },
    { name: "rootfs.img", filename: 'd"isk' },
  ];
  const tagged: TaggedFile[] = [
    { part: 0, bytes: text("one\r\n--b") },
    { part: 1, bytes: text("\r\n--boundar") },
    { part: 1, bytes: text("two\r\n") },
  ];
  const files = {
    parts,
    async *open() {
      yield* tagged;
    },
  };
  const whole = Buffer.concat(await Array.fromAsync(framed(files, files.open(), "boundary")));
  expect(whole.byteLength).toBe(framing(files, "boundary") + tagged.reduce((sum, { bytes }) => sum + bytes.length, 0));
  expect(boundaryOf('multipart/form-data; boundary="boundary"')).toBe("boundary");
  for (const size of [1, 2, 7, 64, whole.byteLength]) {
    const cut = async function* () {
      for (let at = 0; at < whole.byteLength; at += size) yield whole.subarray(at, at + size);
    };
    const found = ["", ""];
    const named = new Set<string>();
    for await (const { part, name, filename, bytes } of unframed(cut(), "boundary")) {
      found[part] += new TextDecoder().decode(bytes);
      named.add(`${name} ${filename}`);
    }
    expect([size, ...found]).toEqual([size, "one\r\n--b", "\r\n--boundartwo\r\n"]);
    expect([...named]).toEqual(["metadata m.tar", "rootfs.img d_isk"]);
  }
  const broken = async function* () {
    yield whole.subarray(0, whole.byteLength - 4);
  };
  await expect(Array.fromAsync(unframed(broken(), "boundary"))).rejects.toThrow("ended early");
});

test("metadata of our own holds what was wanted, and is another one each time", async () => {
  const facts = { architecture: "x86_64", created: new Date(1_700_000_000_000), properties: { 'o"s': "ä: {" } };
  const made = metadataTar({ ...facts, serial: "1" });
  const files = await new Bun.Archive(made).files();
  const yaml = (await files.get("metadata.yaml")?.text()) ?? "";
  expect(Bun.YAML.parse(yaml)).toEqual({
    architecture: "x86_64",
    creation_date: 1_700_000_000,
    properties: { 'o"s': "ä: {" },
  });
  const hash = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
  expect(hash(made)).not.toBe(hash(metadataTar({ ...facts, serial: "2" })));
  expect(hash(made)).toBe(hash(metadataTar({ ...facts, serial: "1" })));
});

test("a certificate of our own is a client's, for ten years, signed by its own key", () => {
  for (const now of [new Date("2026-11-20T00:00:00Z"), new Date("2045-01-01T00:00:00Z")]) {
    const { cert, key } = selfSigned("me@here", now);
    const read = new X509Certificate(cert);
    expect(key).toStartWith("-----BEGIN PRIVATE KEY-----");
    expect(read.verify(read.publicKey)).toBe(true);
    expect(read.subject).toContain("CN=me@here");
    expect(read.keyUsage).toEqual(["1.3.6.1.5.5.7.3.2"]);
    expect(new Date(read.validTo).getUTCFullYear()).toBe(now.getUTCFullYear() + 10);
  }
});

test("a trust token says where its server is, and what certificate it shows", () => {
  const token = btoa(JSON.stringify({ client_name: "x", fingerprint: "ff", addresses: ["[::1]:8443"], secret: "s" }));
  expect([addressOf(`${token}\n`), fingerprintOf(token)]).toEqual(["https://[::1]:8443", "ff"]);
  expect(() => addressOf("nonsense")).toThrow("expected an Incus trust token");
});
