import { expect, test } from "bun:test";
import { api, DIR, facts, type Json, Lab, names, project, unified } from "./incus-kit.ts";
import { Watch } from "./incus-watch.ts";

// Hosts that people live on: they launch, copy, alias and import by hand, and the server refreshes images by itself.

if (DIR === undefined) throw new Error("INCUS_LIVE names the directory that tests/live/incus-up was given");
const { main, images } = await facts();
const LONG = 120_000;
const ALPINE = 'source_image = { remote = "images", name = "alpine/edge", copy_aliases = false }\n';

/** A request to the daemon in the project of the lab. */
const ask = (lab: Lab, method: string, path: string, body?: unknown): Promise<Json> =>
  api(main.socket, method, `${path}${path.includes("?") ? "&" : "?"}project=${lab.project.name}`, body);
const named = (lab: Lab, name: string, target: string) => ask(lab, "POST", "/1.0/images/aliases", { name, target });
/** What `incus image copy images:NAME local: --alias ALIAS --public` asks for. */
const copied = (lab: Lab, name: string, alias: string): Promise<Json> =>
  ask(lab, "POST", "/1.0/images", {
    source: { type: "image", mode: "pull", protocol: "simplestreams", server: images.url, alias: name },
    aliases: [{ name: alias }],
    public: true,
  });
/** An instance of an image of the remote: the server keeps the image for itself. */
async function launched(lab: Lab): Promise<Json> {
  await ask(lab, "POST", "/1.0/instances", {
    name: "theirs",
    source: { type: "image", mode: "pull", protocol: "simplestreams", server: images.url, alias: "alpine/edge" },
  });
  await ask(lab, "DELETE", "/1.0/instances/theirs");
  const image = await lab.one();
  expect([image.cached, image.aliases]).toEqual([true, []]);
  return image;
}
/** A name of a stream with one version; each call of `publish` adds another. */
function stream(vm = "0") {
  const release = `${Date.now()}${Math.floor(Math.random() * 1000)}`;
  return {
    name: `people/${release}`,
    publish: async (when: number, { seen = true } = {}) => {
      const env = { ...process.env, OS: "People", RELEASE: release, VM: vm };
      expect(await Bun.spawn([images.add_version, String(when)], { env, stderr: "ignore" }).exited).toBe(0);
      if (seen) await Bun.spawn([images.forget]).exited;
    },
  };
}
const block = (name: string, ...lines: readonly string[]) =>
  `[image.${name}]\nbackend = "lab"\n${lines.map((line) => `${line}\n`).join("")}`;

test(
  "an image that the server got for an instance is taken over; not where the copy fails",
  async () => {
    await using lab = await Lab.open();
    const before = await launched(lab);
    // Nothing is deleted before the server has shown that it gets the image.
    await lab.declare(block("a", ALPINE, 'profiles = ["nothere"]'));
    expect((await lab.run("plan")).code).toBe(0);
    const refused = await lab.run("apply", "--yes");
    expect([refused.code, refused.stderr.includes("nothere")]).toEqual([1, true]);
    expect((await lab.one()).cached).toBe(true);
    await lab.declare(block("a", ALPINE, 'alias = "mine"'));
    await lab.apply();
    await lab.settled();
    const image = await lab.one();
    expect([image.fingerprint, image.cached, names(image), image.update_source.alias]).toEqual([
      before.fingerprint,
      false,
      ["mine"],
      "alpine/edge",
    ]);
  },
  LONG,
);

test(
  "a cached image that was given an alias, and one that was copied by hand, are somebody's: seen by plan, taken by --adopt alone",
  async () => {
    for (const make of [
      async (lab: Lab) => void (await named(lab, "theirs", (await launched(lab)).fingerprint)),
      async (lab: Lab) => void (await copied(lab, "alpine/edge", "theirs")),
    ]) {
      await using lab = await Lab.open();
      await make(lab);
      const before = await lab.one();
      await lab.declare(block("a", ALPINE, 'aliases = ["theirs", "mine"]'));
      for (const args of [["plan"], ["apply", "--yes"]]) {
        const said = await lab.run(...args);
        expect([said.code, `${said.stdout}${said.stderr}`.includes("already exists and is unmanaged")]).toEqual([
          1,
          true,
        ]);
      }
      // Also where no name of it is wanted: by its bytes.
      await lab.declare(block("a", ALPINE));
      expect((await lab.run("plan")).code).toBe(1);
      expect((await lab.run("destroy", "--yes")).code).toBe(0);
      expect(await lab.one()).toEqual(before);
      await lab.apply("--adopt");
      await lab.settled();
      const image = await lab.one();
      expect([image.fingerprint, names(image)]).toEqual([before.fingerprint, ["theirs"]]);
    }
  },
  LONG,
);

test(
  "two aliases of one remote image are one image here: an error of the plan with both places; in two projects they are two",
  async () => {
    await using lab = await Lab.open();
    const other = 'source_image = { remote = "images", name = "alpine/edge/default", copy_aliases = false }';
    await lab.declare(`${block("a", ALPINE)}${block("b", other)}`);
    const said = await lab.run("plan");
    expect([said.code, said.stdout.match(/images\.toml:\d+:1/g)?.length]).toEqual([1, 4]);
    await using second = await project(main.socket);
    await lab.declare(`${block("a", ALPINE)}${block("b", other, `project = "${second.name}"`)}`);
    await lab.apply();
    await lab.settled();
    expect((await lab.run("destroy", "--yes")).code).toBe(0);
  },
  LONG,
);

test(
  "a project without images of its own is the default one: listed once, found again after a lost state, and writing it down is no change",
  async () => {
    await using lab = await Lab.open();
    const bytes = await unified(lab.project.name);
    await lab.directory.write("a.tar", bytes);
    lab.settings = lab.settings.replace(/project = .*\n/, "");
    const file = `[settings]\nname = "${lab.project.name}"\n`;
    const alias = `${lab.project.name}-a`;
    const declare = (more: string) => lab.declare(block("a", 'source = "./a.tar"', `alias = "${alias}"`, more) + file);
    await declare('project = "p2"');
    await lab.apply();
    await lab.settled();
    const listed = JSON.parse((await lab.run("info", "lab", "--json")).stdout);
    expect(listed.filter(({ attributes }: Json) => attributes.alias === alias).length).toBe(1);
    for (const more of ["", 'project = "default"', 'project = "p2"', 'remote = "local"', ""]) {
      await declare(more);
      await lab.settled();
    }
    await lab.run("state", "rm", "lab/a");
    await declare('project = "p2"');
    await lab.apply();
    await lab.settled();
    expect((await lab.run("destroy", "--yes")).code).toBe(0);
    const all: readonly Json[] = await api(main.socket, "GET", "/1.0/images?recursion=1");
    expect(all.filter((image) => names(image).includes(alias))).toEqual([]);
  },
  LONG,
);

test(
  "project, architecture, vm and copy_aliases written as they are, or taken out: nothing is replaced",
  async () => {
    await using lab = await Lab.open();
    const place = `project = "${lab.project.name}"`;
    const image = (more: string) => `source_image = { remote = "images", name = "alpine/edge"${more} }`;
    await lab.declare(block("a", image("")));
    await lab.apply();
    for (const lines of [
      [image(""), place],
      [image(', architecture = "x86_64"'), 'architecture = "x86_64"', "vm = false"],
      [image(', type = "container"'), "vm = false"],
      [image(", copy_aliases = true"), 'architecture = "x86_64"', place],
      [image("")],
    ]) {
      await lab.declare(block("a", ...lines));
      await lab.settled();
      await lab.apply();
    }
    // Another way to write the same image, with other aliases: changed in place.
    const before = await lab.one();
    await lab.declare(block("a", 'source = "images:alpine/edge/default"', 'alias = "mine"'));
    const plan = await lab.run("plan", "--detailed-exitcode");
    expect([plan.code, plan.stdout.includes("0 to destroy")]).toEqual([2, true]);
    await lab.apply();
    await lab.settled();
    const after = await lab.one();
    expect([after.fingerprint, after.uploaded_at, names(after)]).toEqual([
      before.fingerprint,
      before.uploaded_at,
      ["mine"],
    ]);
  },
  LONG,
);

test(
  "auto_update: what the server refreshed is ours, nothing is left to do, also when protected; it goes with destroy and with its block",
  async () => {
    for (const leave of [
      ["destroy", "--yes"],
      ["apply", "--yes"],
    ]) {
      await using lab = await Lab.open();
      const { name, publish } = stream();
      await publish(1_700_000_000);
      const declare = (...more: readonly string[]) =>
        lab.declare(block("a", `source = "images:${name}"`, 'alias = "mine"', "auto_update = true", ...more));
      await declare();
      await lab.apply();
      await lab.settled();
      for (const [round, more] of ["", "protect = true", ""].entries()) {
        const before = await lab.one();
        await publish(1_700_100_000 + 100_000 * round);
        // Published, and not refreshed yet: that is the server's to do.
        await declare(more);
        await lab.apply();
        await lab.settled();
        expect((await lab.one()).fingerprint).toBe(before.fingerprint);
        await ask(lab, "POST", `/1.0/images/${before.fingerprint}/refresh`);
        const after = await lab.one();
        expect(after.fingerprint).not.toBe(before.fingerprint);
        await lab.settled();
        await lab.apply();
        await lab.settled();
        expect((await lab.one()).fingerprint).toBe(after.fingerprint);
      }
      if (leave[0] === "apply") await lab.declare("");
      expect((await lab.run(...leave)).code).toBe(0);
      expect(await lab.images()).toEqual([]);
    }
  },
  LONG,
);

test(
  "auto_update switched on later takes effect, and off again the content is the file's",
  async () => {
    await using lab = await Lab.open();
    const { name, publish } = stream();
    await publish(1_700_000_000);
    const declare = (more: string) => lab.declare(block("a", `source = "images:${name}"`, 'alias = "mine"', more));
    await declare("");
    await lab.apply();
    const made = await lab.one();
    expect(made.update_source.alias).toBe(name);
    await declare("auto_update = true");
    await lab.apply();
    await lab.settled();
    await publish(1_700_100_000);
    await ask(lab, "POST", `/1.0/images/${made.fingerprint}/refresh`);
    await lab.settled();
    const fresh = await lab.one();
    expect(fresh.fingerprint).not.toBe(made.fingerprint);
    await declare("");
    await lab.apply();
    await lab.settled();
    expect((await lab.one()).fingerprint).toBe(fresh.fingerprint);
    expect(names(await lab.one())).toEqual(["mine"]);
    await publish(1_700_200_000);
    expect((await lab.run("plan", "--detailed-exitcode")).code).toBe(2);
    await lab.apply();
    await lab.settled();
    expect((await lab.one()).fingerprint).not.toBe(fresh.fingerprint);
    // Refreshed by hand, without auto_update: somebody else's doing, and --adopt takes what came of it.
    await publish(1_700_300_000);
    const old = await lab.one();
    await ask(lab, "POST", `/1.0/images/${old.fingerprint}/refresh`);
    expect((await lab.run("plan")).code).toBe(1);
    await lab.apply("--adopt");
    await lab.settled();
    expect((await lab.one()).fingerprint).not.toBe(old.fingerprint);
  },
  LONG,
);

test(
  "between a publication and the server's index: through this host, and with auto_update what the server has",
  async () => {
    await using lab = await Lab.open();
    const { name, publish } = stream();
    await publish(1_700_000_000);
    const declare = (more: string) => lab.declare(block("a", `source = "images:${name}"`, 'alias = "mine"', more));
    await declare("");
    await lab.apply();
    const first = await lab.one();
    await publish(1_700_100_000, { seen: false });
    const said = await lab.apply();
    expect(said).toContain("out of date");
    await lab.settled();
    const second = await lab.one();
    expect(second.fingerprint).not.toBe(first.fingerprint);
    expect((await lab.run("destroy", "--yes")).code).toBe(0);
    // Nothing is there: the server makes the version that it knows.
    await declare("auto_update = true");
    expect(await lab.apply()).toContain("has not seen the new version");
    await lab.settled();
    expect((await lab.one()).fingerprint).toBe(first.fingerprint);
    await Bun.spawn([images.forget]).exited;
    await ask(lab, "POST", `/1.0/images/${first.fingerprint}/refresh`);
    await lab.settled();
    expect((await lab.one()).fingerprint).toBe(second.fingerprint);
    expect((await lab.run("destroy", "--yes")).code).toBe(0);
    // Somebody's copy of the older version is not touched by that.
    await publish(1_700_200_000, { seen: false });
    await copied(lab, name, "theirs");
    const [theirs] = (await lab.images()).filter((image) => names(image).includes("theirs"));
    await declare("");
    await lab.apply();
    await lab.settled();
    expect((await lab.images()).filter((image) => names(image).includes("theirs"))).toEqual([theirs]);
    expect((await lab.images()).length).toBe(2);
  },
  LONG,
);

test(
  "aliases: swapped between two images, and promoted from one to the next, without a moment in which one is gone",
  async () => {
    await using lab = await Lab.open();
    await using watch = await Watch.open(lab.directory.at("socket"), main.socket);
    lab.settings = lab.settings.replace(main.socket, watch.socket);
    for (const name of ["a", "b", "c"]) await lab.directory.write(`${name}.tar`, await unified(name));
    const file = (name: string, ...aliases: readonly string[]) =>
      block(name, `source = "./${name}.tar"`, `aliases = ${JSON.stringify(aliases)}`);
    await lab.declare(file("a", "x", "stable") + file("b", "y"));
    await lab.apply();
    const missing: string[] = [];
    watch.at = async (moment, what) => {
      if (moment !== "after" || what.startsWith("GET")) return;
      const there = (await lab.images()).flatMap(names);
      for (const name of ["x", "y", "stable"]) if (!there.includes(name)) missing.push(`${name} after ${what}`);
    };
    const where = async () =>
      Object.fromEntries(
        (await lab.images()).flatMap((image) => names(image).map((n) => [n, image.properties.serial])),
      );
    for (const parallelism of ["1", "8"]) {
      await lab.declare(file("a", "y", "stable") + file("b", "x"));
      await lab.apply("--parallelism", parallelism);
      await lab.settled();
      expect(await where()).toEqual({ y: "a", stable: "a", x: "b" });
      await lab.declare(file("a", "x") + file("b", "y", "stable"));
      await lab.apply("--parallelism", parallelism);
      await lab.settled();
      expect(await where()).toEqual({ x: "a", y: "b", stable: "b" });
    }
    // To an image that is made only now, from one that goes.
    await lab.declare(file("a", "x") + file("c", "y", "stable"));
    await lab.apply();
    await lab.settled();
    expect(await where()).toEqual({ x: "a", y: "c", stable: "c" });
    expect(missing).toEqual([]);
    // Where the new one fails, the old one stays, with its aliases.
    await lab.declare(
      file("a", "x") +
        block(
          "b",
          'source = { file = "./b.tar", checksum = "sha256:00" }'.replace("00", "0".repeat(64)),
          'aliases = ["y", "stable"]',
        ),
    );
    expect((await lab.run("apply", "--yes")).code).toBe(1);
    expect(await where()).toEqual({ x: "a", y: "c", stable: "c" });
  },
  LONG,
);

test(
  "an alias that was moved by hand to another image is seen by plan, and what is said helps",
  async () => {
    await using lab = await Lab.open();
    await lab.directory.write("a.tar", await unified("ours"));
    await lab.declare(block("a", 'source = "./a.tar"', 'alias = "x"', 'aliases = ["y"]'));
    await lab.apply();
    const { fingerprint } = await ask(lab, "POST", "/1.0/images", await unified("theirs"));
    await ask(lab, "PUT", "/1.0/images/aliases/y", { target: fingerprint, description: "mine now" });
    const plan = await lab.run("plan");
    expect([plan.code, plan.stdout.includes("the name y is held by"), plan.stdout.includes("--adopt")]).toEqual([
      1,
      true,
      false,
    ]);
    const byName = async () => (await lab.images()).toSorted((a, b) => (a.fingerprint < b.fingerprint ? -1 : 1));
    const before = await byName();
    expect((await lab.run("apply", "--yes")).code).toBe(1);
    expect(await byName()).toEqual(before);
    await ask(lab, "DELETE", "/1.0/images/aliases/y");
    await lab.apply();
    await lab.settled();
    expect((await lab.images()).map((image) => [image.properties.serial, names(image)]).sort()).toEqual([
      ["ours", ["x", "y"]],
      ["theirs", []],
    ]);
  },
  LONG,
);

test(
  "copied aliases of a container and a machine of one remote alias: the first address has them; one that is lost is seen and given again",
  async () => {
    await using lab = await Lab.open();
    const copies = (name: string, type: string) =>
      block(name, `source_image = { remote = "images", name = "alpine/edge", type = "${type}" }`);
    await lab.declare(copies("b", "container") + copies("a", "virtual-machine"));
    expect(await lab.apply()).toContain("are not copied: alpine/edge");
    await lab.settled();
    const [machine] = (await lab.images()).filter(({ type }) => type === "virtual-machine");
    const [container] = (await lab.images()).filter(({ type }) => type === "container");
    expect([names(machine).length, names(container)]).toEqual([4, []]);
    await ask(lab, "DELETE", "/1.0/images/aliases/alpine%2Fedge");
    const plan = await lab.run("plan", "--detailed-exitcode");
    expect([plan.code, plan.stdout.includes("copied_aliases")]).toEqual([2, true]);
    await lab.apply();
    await lab.settled();
    expect(names((await lab.images()).find(({ type }) => type === "virtual-machine")).length).toBe(4);
    // Moved to somebody's image: left there, and no plan for ever.
    const { fingerprint } = await ask(lab, "POST", "/1.0/images", await unified("theirs"));
    await ask(lab, "PUT", "/1.0/images/aliases/alpine%2Fedge", { target: fingerprint });
    await lab.settled();
    expect((await ask(lab, "GET", "/1.0/images/aliases/alpine%2Fedge")).target).toBe(fingerprint);
  },
  LONG,
);

test(
  "a replace carries over the aliases, profiles and expiry that people gave, and plan says so",
  async () => {
    await using lab = await Lab.open();
    await lab.directory.write("a.tar", await unified("1"));
    await lab.declare(block("a", 'source = "./a.tar"', 'alias = "x"'));
    await lab.apply();
    const old = await lab.one();
    await ask(lab, "POST", "/1.0/images/aliases", {
      name: "theirs",
      description: "of a team",
      target: old.fingerprint,
    });
    await ask(lab, "PUT", `/1.0/images/${old.fingerprint}`, {
      properties: old.properties,
      profiles: ["default", "second"],
      expires_at: "2040-01-01T00:00:00Z",
    });
    await lab.settled();
    await lab.directory.write("a.tar", await unified("2"));
    const plan = await lab.run("plan");
    expect(plan.stdout).toContain("theirs");
    await lab.apply();
    await lab.settled();
    const image = await lab.one();
    expect([image.properties.serial, names(image), image.profiles.sort(), image.expires_at]).toEqual([
      "2",
      ["theirs", "x"],
      ["default", "second"],
      "2040-01-01T00:00:00Z",
    ]);
    expect(image.aliases.find(({ name }: Json) => name === "theirs").description).toBe("of a team");
  },
  LONG,
);

test(
  "the same bytes imported by hand while they are uploaded: theirs stays, in this run and in the next",
  async () => {
    await using lab = await Lab.open();
    await using watch = await Watch.open(lab.directory.at("socket"), main.socket);
    lab.settings = lab.settings.replace(main.socket, watch.socket);
    const bytes = await unified("race");
    await lab.directory.write("a.tar", bytes);
    let isDone = false;
    // After it was looked who has them, before the server gets the first of them.
    watch.at = async (moment, what) => {
      if (isDone || moment !== "before" || what !== "POST /1.0/images") return;
      isDone = true;
      const { fingerprint } = await ask(lab, "POST", "/1.0/images", bytes);
      await named(lab, "theirs", fingerprint);
    };
    await lab.declare(block("a", 'source = "./a.tar"', 'alias = "mine"'));
    const said = await lab.run("apply", "--yes");
    expect([said.code, isDone, said.stderr.includes("the same bytes")]).toEqual([1, true, true]);
    expect(said.stderr).not.toMatch(/UNIQUE|already exists:/);
    const theirs = await lab.one();
    expect([names(theirs), Object.keys(theirs.properties).filter((key) => key.startsWith("images."))]).toEqual([
      ["theirs"],
      [],
    ]);
    expect((await lab.run("apply", "--yes")).code).toBe(1);
    expect((await lab.run("destroy", "--yes")).code).toBe(0);
    expect(await lab.one()).toEqual(theirs);
  },
  LONG,
);
