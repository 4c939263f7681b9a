import { expect, test } from "bun:test";
import { api, bytesOf, DIR, facts, type Json, Lab, names, project, unified } from "./incus-kit.ts";

// Every argument of terraform's incus_image and of Ansible's incus_image, one by one, on a real server.

if (DIR === undefined) throw new Error("INCUS_LIVE names the directory that tests/live/incus-up was given");
const { main, remote } = await facts();
const LONG = 60_000;
const COPIED = ["alpine/edge", "alpine/edge/amd64", "alpine/edge/default", "alpine/edge/default/amd64"];

interface Row {
  readonly argument: string;
  readonly lines: readonly string[];
  /** What the server says of the only image then. */
  readonly is: (image: Json) => unknown;
  readonly want: unknown;
}
const source = 'source = "images:alpine/edge"';
const block = (more = "") => `source_image = { remote = "images", name = "alpine/edge"${more} }`;
const ROWS: readonly Row[] = [
  { argument: "source_image.remote, .name", lines: [block()], is: names, want: COPIED },
  {
    argument: "source_image.type",
    lines: [block(', type = "virtual-machine"')],
    is: (i) => i.type,
    want: "virtual-machine",
  },
  {
    argument: "source_image.architecture",
    lines: [block(', architecture = "x86_64"')],
    is: (i) => i.architecture,
    want: "x86_64",
  },
  { argument: "source_image.copy_aliases", lines: [block(", copy_aliases = false")], is: names, want: [] },
  {
    argument: "aliases (terraform)",
    lines: [block(", copy_aliases = false"), 'aliases = ["x", "y/z"]'],
    is: names,
    want: ["x", "y/z"],
  },
  { argument: "alias, source", lines: [source, 'alias = "my-alpine"'], is: names, want: ["my-alpine"] },
  { argument: "source (a path)", lines: ['source = "./a.tar"'], is: (i) => i.properties.serial, want: "seeds" },
  {
    argument: "source (a path), properties",
    lines: ['source = "./a.tar"', 'properties = { os = "Debian", "requirements.secureboot" = "false" }'],
    is: own,
    want: { os: "Debian", "requirements.secureboot": "false" },
  },
  {
    argument: "properties: unlisted ones are removed",
    lines: [source, 'properties = { os = "Alpine", release = "latest" }'],
    is: own,
    want: { os: "Alpine", release: "latest" },
  },
  {
    argument: "aliases",
    lines: [source, 'alias = "a"', 'aliases = ["alpine-edge", "alpine-latest"]'],
    is: names,
    want: ["a", "alpine-edge", "alpine-latest"],
  },
  { argument: "public", lines: [source, "public = true"], is: (i) => i.public, want: true },
  { argument: "copy_aliases", lines: [source, "copy_aliases = true"], is: names, want: COPIED },
  { argument: "mode = pull", lines: [source, 'mode = "pull"'], is: (i) => i.type, want: "container" },
  { argument: "mode = push", lines: [source, 'mode = "push"'], is: (i) => i.type, want: "container" },
  { argument: "mode = relay", lines: [source, 'mode = "relay"'], is: (i) => i.type, want: "container" },
  {
    argument: "profiles",
    lines: [source, 'profiles = ["default", "second"]'],
    is: (i) => i.profiles.sort(),
    want: ["default", "second"],
  },
  { argument: "vm", lines: [source, "vm = true"], is: (i) => i.type, want: "virtual-machine" },
  { argument: "auto_update", lines: [source, "auto_update = true"], is: (i) => i.auto_update, want: true },
  { argument: "refresh", lines: [source, "refresh = true"], is: (i) => i.type, want: "container" },
];
function own({ properties }: Json): unknown {
  return Object.fromEntries(Object.entries(properties).filter(([key]) => !key.startsWith("images.")));
}

test.each(ROWS.map((row) => [row.argument, row] as const))(
  "%s",
  async (_, { lines, is, want }) => {
    await using lab = await Lab.open();
    await lab.directory.write("a.tar", await unified("seeds"));
    await lab.declare(`[image.a]\nbackend = "lab"\n${lines.join("\n")}\n`);
    await lab.apply();
    await lab.settled();
    const image = await lab.one();
    expect(is(image)).toEqual(want);
    // The computed attributes, and the image as its own fingerprint.
    const [{ attributes }] = JSON.parse((await lab.run("info", "lab", "--json")).stdout);
    expect([attributes.fingerprint, attributes.created_at]).toEqual([
      image.fingerprint,
      Math.floor(Date.parse(image.created_at) / 1000),
    ]);
    expect(attributes.copied_aliases.sort()).toEqual(names(image).filter((name) => COPIED.includes(name)));
    const exported = await lab.run("export", "lab/a", "--out", "out");
    expect([exported.code, exported.code === 0 ? "" : exported.stderr]).toEqual([0, ""]);
    await lab.declare(`[image.a]\nbackend = "lab"\nstate = "absent"\n${lines.join("\n")}\n`);
    await lab.apply();
    expect(await lab.images()).toEqual([]);
  },
  LONG,
);

test(
  "fingerprint: the whole of it, its beginning, and another one",
  async () => {
    await using lab = await Lab.open();
    const bytes = await bytesOf("unified.tar.gz");
    await lab.directory.write("u.tar.gz", bytes);
    const fingerprint = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
    for (const [written, code] of [
      ["0".repeat(64), 1],
      [fingerprint, 0],
      [fingerprint.slice(0, 12), 0],
    ] as const) {
      await lab.declare(`[image.a]\nbackend = "lab"\nsource = "./u.tar.gz"\nfingerprint = "${written}"\n`);
      expect((await lab.run("apply", "--yes")).code).toBe(code);
      if (code === 0) await lab.settled();
    }
    expect((await lab.one()).fingerprint).toBe(fingerprint);
  },
  LONG,
);

test(
  "project, target_project and remote",
  async () => {
    await using lab = await Lab.open();
    await using second = await project(main.socket);
    await using third = await project(remote.socket);
    const count = async (socket: string, name: string): Promise<number> =>
      (await api(socket, "GET", `/1.0/images?project=${name}`)).length;
    for (const [lines, socket, name] of [
      [[source, `project = "${second.name}"`], main.socket, second.name],
      [[source, `remote = "remote"`, `project = "${third.name}"`], remote.socket, third.name],
      [['source = "main:base"', 'project = "default"', `target_project = "${second.name}"`], main.socket, second.name],
    ] as const) {
      await lab.declare(`[image.a]\nbackend = "lab"\n${lines.join("\n")}\n`);
      await lab.apply();
      await lab.settled();
      expect([await count(socket, name), (await lab.images()).length]).toEqual([1, 0]);
    }
    expect((await lab.run("destroy", "--yes")).code).toBe(0);
  },
  LONG,
);
