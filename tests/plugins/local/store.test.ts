import { expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { cp, mkdir, readdir, readFile, rename, rm, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { Directory } from "../../../src/plugins/local/client.ts";
import { World } from "../../cli/world.ts";
import { listed } from "../../harness.ts";

const IMAGE = '[image.a]\nsource = "./a.img"\n';
const HEX = "a".repeat(64);

const put = async (world: World, path: string, text = "somebody's\n"): Promise<string> => {
  const file = world.directory.at("store", path);
  await mkdir(join(file, ".."), { recursive: true });
  await writeFile(file, text);
  return file;
};

test("a directory with other content is refused before anything is written, and a sub-directory is offered", async () => {
  await using world = await World.make(IMAGE);
  await put(world, "photo.jpg");
  for (const command of [["plan"], ["apply", "--yes"]]) {
    const said = await world.ends(1, ...command);
    expect(said.stderr + said.stdout).toContain("is not a store and not empty");
    expect(said.stderr + said.stdout).toContain(JSON.stringify(world.directory.at("store", "store")));
  }
  expect(await readdir(world.directory.at("store"))).toEqual(["photo.jpg"]);
});

test("two processes that make a store at once end with one id", async () => {
  await using world = await World.make(IMAGE);
  const stores = Array.from({ length: 8 }, () => new Directory(world.directory.at("store"), 0));
  await Promise.all(stores.map((store) => store.prepare()));
  const ids = new Set(await Promise.all(stores.map((store) => store.id())));
  expect(ids.size).toBe(1);
  expect([...ids][0]).toMatch(/^[0-9a-f-]{36}$/);
  expect((await readdir(world.directory.at("store"))).filter((name) => name.startsWith("."))).toEqual([]);
});

test("a directory says that it is a store before anything is in it", async () => {
  await using world = await World.make(IMAGE);
  const at = world.directory.at("store");
  const made = { isReady: false };
  const making = new Directory(at, 0).prepare().finally(() => {
    made.isReady = true;
  });
  const seen = new Set<string>();
  while (!made.isReady) {
    const names = existsSync(at) ? readdirSync(at).filter((name) => !name.startsWith(".")) : [];
    seen.add(`${names.length > 0 && !names.includes("images-store.json")}`);
    await setImmediate();
  }
  await making;
  expect([...seen]).toEqual(["false"]);
});

test("a store of the first version is upgraded in place, and its files are swept as before", async () => {
  await using world = await World.make(IMAGE);
  await world.ends(0, "apply", "--yes");
  await rm(world.directory.at("store", "images-store.json"));
  await rm(world.directory.at("store", "wrote"), { recursive: true });
  await world.declare("");
  await world.ends(0, "apply", "--yes");
  expect(await readdir(world.directory.at("store", "files"))).toEqual([]);
  expect(await listed(world.directory.at("store", "blobs"))).toEqual([]);
  expect(await readdir(world.directory.at("store"))).toContain("images-store.json");
});

test("files that somebody put into a store stay when images come and go", async () => {
  await using world = await World.make(IMAGE);
  await world.ends(0, "apply", "--yes");
  const theirs = [
    await put(world, "files/notes.txt"),
    await put(world, `blobs/${HEX}`),
    await put(world, "streams/v1/other.json"),
    await put(world, "tmp/1.txt"),
  ];
  await world.declare("");
  await world.ends(0, "apply", "--yes");
  for (const file of theirs) expect(await readFile(file, "utf8")).toBe("somebody's\n");
});

test("a file of somebody's that has the image's name stops the creation, and stays", async () => {
  await using world = await World.make("");
  await new Directory(world.directory.at("store"), 0).prepare();
  const file = await put(world, "files/a.img");
  await world.declare(IMAGE);
  expect((await world.ends(1, "apply", "--yes")).stderr).toContain("was not written by this store");
  expect(await readFile(file, "utf8")).toBe("somebody's\n");
  expect(await world.ids()).toEqual([]);
});

test("a file of ours that somebody has replaced is not deleted", async () => {
  await using world = await World.make(IMAGE);
  await world.ends(0, "apply", "--yes");
  const file = world.directory.at("store", "files", "a.img");
  await rm(file);
  await writeFile(file, "somebody's\n");
  await world.declare("");
  await world.ends(0, "apply", "--yes");
  expect(await readFile(file, "utf8")).toBe("somebody's\n");
});

for (const index of ["SHA256SUMS", "streams/v1/images.json", "streams/v1/index.json"]) {
  test(`${index} of somebody's is an error before anything is done`, async () => {
    await using world = await World.make(IMAGE);
    await new Directory(world.directory.at("store"), 0).prepare();
    const file = await put(world, index);
    expect((await world.ends(1, "apply", "--yes")).stderr).toContain("was not written by this store");
    expect(await readFile(file, "utf8")).toBe("somebody's\n");
    expect(await world.ids()).toEqual([]);
  });
}

const breaks: readonly (readonly [what: string, change: object])[] = [
  ["name", { name: "../../x" }],
  ["name", { name: "a\0b" }],
  ["format", { format: "../x" }],
  ["compression", { compression: "/etc" }],
  ["disk", { disk: { sha256: "../../a.img", size: 1 } }],
  ["id", { id: "other" }],
];
for (const [what, change] of breaks) {
  test(`a record with ${JSON.stringify(change)} is skipped with a warning, and nothing is written outside`, async () => {
    await using world = await World.make(`${IMAGE}[image.b]\nsource = "./b.img"\n`);
    await world.ends(0, "apply", "--yes");
    const record = await world.record("a");
    const file = world.directory.at("store", "images", `${record.id}.json`);
    await writeFile(file, JSON.stringify({ ...record, ...change }));
    const outside = [...(await readdir(world.directory.path)), "images.state.json.backup"].sort();
    const said = await world.ends(0, "info", "store");
    expect(said.stderr).toContain(`${file} is skipped: invalid \`${what}\``);
    expect(said.stdout).toContain("b@");
    await world.declare('[image.b]\nsource = "./b.img"\ndescription = "new"\n');
    await world.run(["apply", "--yes"]);
    expect((await readdir(world.directory.path)).sort()).toEqual(outside);
    expect((await world.record("b")).attributes["description"]).toBe("new");
    // Nobody knows which bytes the broken record is of.
    expect((await listed(world.directory.at("store", "blobs"))).length).toBe(2);
  });
}

for (const name of ["blobs", "images", "files", "streams", "tmp", "wrote"]) {
  test(`${name} as a symbolic link out of the store is refused`, async () => {
    await using world = await World.make(IMAGE);
    await world.ends(0, "apply", "--yes");
    await rename(world.directory.at("store", name), world.directory.at("elsewhere"));
    await symlink(world.directory.at("elsewhere"), world.directory.at("store", name));
    const before = await readdir(world.directory.at("elsewhere"));
    await world.declare("");
    const said = await world.ends(1, "apply", "--yes");
    expect(said.stderr + said.stdout).toContain("is not a directory of the store");
    expect(await readdir(world.directory.at("elsewhere"))).toEqual(before);
  });
}

test("a blob that is a symbolic link is drift, and is not read", async () => {
  await using world = await World.make(IMAGE);
  await world.ends(0, "apply", "--yes");
  const [blob = ""] = await listed(world.directory.at("store", "blobs"));
  await rm(world.directory.at("store", "blobs", blob));
  await symlink(world.directory.at("a.img"), world.directory.at("store", "blobs", blob));
  await world.ends(1, "export", "store/a", "--out", "x");
  await world.ends(2, "plan", "--detailed-exitcode");
});

const damages: readonly (readonly [what: string, damage: (path: string) => Promise<void>])[] = [
  ["gone", (path) => rm(path)],
  ["truncated", (path) => truncate(path, 5)],
];
for (const [what, damage] of damages) {
  test(`a blob that is ${what} is seen by plan and repaired by apply`, async () => {
    await using world = await World.make(IMAGE);
    await world.ends(0, "apply", "--yes");
    const [blob = ""] = await listed(world.directory.at("store", "blobs"));
    const path = world.directory.at("store", "blobs", blob);
    await damage(path);
    await world.ends(2, "plan", "--detailed-exitcode");
    await world.ends(1, "verify");
    await world.ends(0, "apply", "--yes");
    expect(await readFile(path, "utf8")).toBe("bytes of a\n".repeat(100));
    expect(await readFile(world.directory.at("store", "files", "a.img"), "utf8")).toBe("bytes of a\n".repeat(100));
    await world.ends(0, "plan", "--detailed-exitcode");
    await world.ends(0, "verify");
  });
}

test("verify finds rotten bytes, and a replace repairs them", async () => {
  await using world = await World.make(`${IMAGE}[image.b]\nsource = "./b.img"\n`);
  await world.ends(0, "apply", "--yes");
  expect((await world.ends(0, "verify")).stdout).toMatch(/store\/a +OK/);
  const { disk } = await world.record("a");
  const sha256 = typeof disk === "object" && disk !== null && "sha256" in disk ? String(disk.sha256) : "";
  const path = world.directory.at("store", "blobs", sha256);
  await writeFile(path, "rotten  a\n\n".repeat(100));
  const said = await world.ends(1, "verify", "--json");
  const results: { address: string; result: string }[] = JSON.parse(said.stdout);
  expect(results.map(({ address, result }) => [address, result])).toEqual([
    ["store/a", "mismatch"],
    ["store/b", "ok"],
  ]);
  await world.ends(0, "verify", "store/b");
  await world.ends(0, "apply", "--yes", "--replace", "store/a");
  expect(await readFile(world.directory.at("store", "files", "a.img"), "utf8")).toBe("bytes of a\n".repeat(100));
  await world.ends(0, "verify");
});

const OTHER = "11111111-1111-4111-8111-111111111111";
const owners: readonly (readonly [what: string, owner: object, age: number, stays: boolean])[] = [
  ["another host, a minute ago", { host: "elsewhere.invalid", pid: 1 }, 60, true],
  ["another host, two days ago", { host: "elsewhere.invalid", pid: 1 }, 2 * 86_400, false],
  ["this process, two days ago", {}, 2 * 86_400, true],
  ["a process of this host that is gone, a minute ago", { pid: 2 ** 30 }, 60, false],
];
for (const [what, owner, age, stays] of owners) {
  test(`temporary files of ${what} ${stays ? "stay" : "go"}`, async () => {
    await using world = await World.make(IMAGE);
    const { identity } = await import("images");
    const store = new Directory(world.directory.at("store"), 0);
    await store.prepare();
    const { host, pid, started } = identity();
    const text = JSON.stringify({ host, pid, started, ...owner });
    const then = new Date(Date.now() - age * 1000);
    for (const kind of ["owner", "stale", "22222222-2222-4222-8222-222222222222"]) {
      const file = await put(world, `tmp/${OTHER}.${kind}`, text);
      await utimes(file, then, then);
    }
    await world.ends(0, "apply", "--yes");
    expect((await listed(world.directory.at("store", "tmp"))).length).toBe(stays ? 3 : 0);
  });
}

test("a record that was copied to another id or another store bears a copied marker", async () => {
  await using world = await World.make(IMAGE);
  await world.ends(0, "apply", "--yes");
  const record = await world.record("a");
  const { id } = JSON.parse(await readFile(world.directory.at("store", "images-store.json"), "utf8"));
  expect(record["mark"]).toMatchObject({ self: `${id}/${record.id}` });
  const copy = { ...record, id: "a@copy", name: "copy" };
  await writeFile(world.directory.at("store", "images", "a@copy.json"), JSON.stringify(copy));
  await rm(world.directory.at("images.state.json"));
  await world.ends(0, "apply", "--yes");
  expect((await world.state()).images["store/a"]?.id).toBe(record.id);
  await new Directory(world.directory.at("second"), 0).prepare();
  for (const name of ["images", "blobs"])
    await cp(world.directory.at("store", name), world.directory.at("second", name), { recursive: true });
  await world.directory.write(
    "images.toml",
    '[backend.store]\nplugin = "local"\npath = "./second"\n[image.a]\nsource = "./a.img"\n',
  );
  await rm(world.directory.at("images.state.json"));
  const said = await world.ends(1, "apply", "--yes");
  expect(said.stderr + said.stdout).toContain("store/a");
  const rows = JSON.parse((await world.ends(0, "info", "store", "--json")).stdout);
  expect(rows.map(({ ours }: { ours: boolean }) => ours)).toEqual([false, false]);
  expect((await listed(world.directory.at("second", "images"))).length).toBe(2);
});
