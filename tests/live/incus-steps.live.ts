import { expect, test } from "bun:test";
import { resolve } from "node:path";
import { api, bytesOf, DIR, facts, type Json, Lab, unified } from "./incus-kit.ts";
import { type Moment, Watch } from "./incus-watch.ts";

// The program is killed at every request that changes something: before it goes, in it, and before its answer is heard.

if (DIR === undefined) throw new Error("INCUS_LIVE names the directory that tests/live/incus-up was given");
const { main, images } = await facts();
const PROGRAM = process.env["IMAGES_BINARY"]?.split(" ") ?? [process.execPath, resolve("src/cli/main.ts")];
/** In the middle of a request: only of the first, which has the bytes. */
const momentsOf = (step: number): readonly Moment[] =>
  step === 1 ? ["before", "during", "after"] : ["before", "after"];

interface Kind {
  readonly what: string;
  readonly block: string;
  /** Makes the next apply have something to do. */
  readonly prepare: (lab: Lab, round: number) => Promise<unknown>;
  /** Where that is another project than the lab's own. */
  readonly project?: string;
}
const KINDS: readonly Kind[] = [
  {
    what: "an upload that replaces an image",
    block: 'source = "./disk.qcow2"\nproperties = { os = "x" }\n',
    prepare: async (lab, round) => {
      const disk = await bytesOf("disk.qcow2");
      await lab.directory.write("disk.qcow2", new Uint8Array([...disk, ...new Uint8Array(65_536 * round)]));
    },
  },
  {
    what: "an upload of the very bytes that the killed run sent",
    block: 'source = "./a.tar"\n',
    prepare: async (lab) => {
      await lab.directory.write("a.tar", await unified(lab.project.name, 60_000));
      return await lab.run("destroy", "--yes");
    },
  },
  {
    what: "a copy",
    block: 'source = "images:alpine/edge"\n',
    prepare: async (lab) => await lab.run("destroy", "--yes"),
  },
  {
    what: "an image of an instance",
    block: 'source_instance = { name = "c1" }\n',
    prepare: async (lab) => await lab.run("destroy", "--yes"),
    project: "default",
  },
];

for (const { what, block, prepare, project } of KINDS)
  test(`killed at every step of ${what}, and run again: one image, nothing left over`, async () => {
    await using lab = await Lab.open();
    await using watch = await Watch.open(lab.directory.at("socket"), main.socket);
    const home = project ?? lab.project.name;
    lab.settings = `socket = "${watch.socket}"\nconfig = "${DIR}/conf"\nproject = "${home}"\n`;
    const alias = `${lab.project.name}-a`;
    const file = `[settings]\nname = "${lab.project.name}"\n`;
    await lab.declare(`[image.a]\nbackend = "lab"\naliases = ["${alias}"]\n${block}${file}`);
    const ours = async (): Promise<readonly Json[]> => {
      const all: readonly Json[] = await api(main.socket, "GET", `/1.0/images?project=${home}&recursion=1`);
      return all.filter(({ properties }) => properties["images.file"] === lab.project.name);
    };
    let kills = 0;
    for (let round = 0, step = 1, isOver = false; !isOver; step++)
      for (const moment of momentsOf(step)) {
        await prepare(lab, round++);
        const { killed, steps } = await killedAt(lab, watch, step, moment);
        isOver = steps < step;
        if (isOver) break;
        kills += killed ? 1 : 0;
        const said = await lab.run("apply", "--yes", "--lock-timeout", "5s");
        if (said.code !== 0) throw new Error(`killed ${moment} step ${step}: ${said.stdout}${said.stderr}`);
        await lab.settled();
        const left = (await ours()).map(({ aliases }) => aliases.map(({ name }: Json) => name));
        expect({ step, moment, left }).toEqual({ step, moment, left: [[alias]] });
      }
    expect(kills).toBeGreaterThanOrEqual(5);
    expect((await lab.run("destroy", "--yes")).code).toBe(0);
    expect(await ours()).toEqual([]);
  }, 300_000);

test("an interrupted publication that comes to its end while it is made again is the image", async () => {
  await using lab = await Lab.open();
  await using watch = await Watch.open(lab.directory.at("socket"), main.socket);
  lab.settings = `socket = "${watch.socket}"\nconfig = "${DIR}/conf"\nproject = "default"\n`;
  const { name } = lab.project;
  const block = `[image.a]\nbackend = "lab"\naliases = ["${name}-a"]\nsource_instance = { name = "c1" }\n`;
  await lab.declare(`${block}[settings]\nname = "${name}"\n`);
  // The very request is sent by another hand first, and has come to its end.
  let sent = false;
  watch.at = async (moment, what, head) => {
    if (sent || moment !== "before" || what !== "POST /1.0/images") return;
    sent = true;
    await api(main.socket, "POST", "/1.0/images?project=default", JSON.parse(head));
  };
  expect([(await lab.run("apply", "--yes")).code, sent]).toEqual([0, true]);
  const all: readonly Json[] = await api(main.socket, "GET", "/1.0/images?project=default&recursion=1");
  expect(all.filter(({ properties }) => properties["images.file"] === name).length).toBe(1);
  expect((await lab.run("destroy", "--yes")).code).toBe(0);
}, 300_000);

test("a killed copy that the daemon ends between the next plan's listing and its look at the bytes is no rival", async () => {
  await using lab = await Lab.open();
  await using watch = await Watch.open(lab.directory.at("socket"), main.socket);
  lab.settings = lab.settings.replace(main.socket, watch.socket);
  await lab.declare('[image.a]\nbackend = "lab"\nsource = "images:alpine/edge"\nalias = "a"\n');
  const { killed, body } = await killedAt(lab, watch, 1, "before");
  expect(killed).toBe(true);
  let isLate = true;
  watch.at = async (moment, what) => {
    if (!isLate || moment !== "after" || what !== "GET /1.0/images") return;
    isLate = false;
    await api(main.socket, "POST", `/1.0/images?project=${lab.project.name}`, JSON.parse(body));
  };
  expect(await lab.apply()).not.toContain("already exists");
  expect([isLate, (await lab.one()).aliases.map(({ name }: Json) => name)]).toEqual([false, ["a"]]);
  await lab.settled();
}, 300_000);

test("what somebody copies by hand after a killed copy is theirs", async () => {
  await using lab = await Lab.open();
  await using watch = await Watch.open(lab.directory.at("socket"), main.socket);
  lab.settings = lab.settings.replace(main.socket, watch.socket);
  await lab.declare('[image.a]\nbackend = "lab"\nsource = "images:alpine/edge"\nalias = "mine"\n');
  expect((await killedAt(lab, watch, 1, "before")).killed).toBe(true);
  await api(main.socket, "POST", `/1.0/images?project=${lab.project.name}`, {
    source: { type: "image", mode: "pull", protocol: "simplestreams", server: images.url, alias: "alpine/edge" },
    aliases: [{ name: "theirs" }],
  });
  const theirs = await lab.one();
  for (const args of [["plan"], ["apply", "--yes"]]) {
    const said = await lab.run(...args);
    expect([said.code, `${said.stdout}${said.stderr}`.includes("already exists and is unmanaged")]).toEqual([1, true]);
  }
  expect((await lab.run("destroy", "--yes")).code).toBe(0);
  expect(await lab.one()).toEqual(theirs);
}, 300_000);

/** Runs apply and kills it at that moment of that one of the requests which change something; `body`: what that request begins with. */
async function killedAt(lab: Lab, watch: Watch, step: number, moment: Moment) {
  const env = { ...process.env, ...lab.env, HOME: lab.directory.path, XDG_STATE_HOME: lab.directory.at("scratch") };
  const child = Bun.spawn([...PROGRAM, "apply", "--yes"], {
    cwd: lab.directory.path,
    env: { ...env, IMAGES_CACHE: lab.directory.at("cache") },
    stdio: ["ignore", "ignore", "ignore"],
  });
  let steps = 0;
  let killed = false;
  let body = "";
  watch.at = async (now, request, head) => {
    if (request.startsWith("GET") || killed) return;
    if (now === "before") steps++;
    if (steps !== step || now !== moment) return;
    killed = true;
    body = head;
    child.kill("SIGKILL");
    await child.exited;
    if (moment === "before") throw new Error("it was killed before it could send this");
  };
  const code = await child.exited;
  watch.at = async () => undefined;
  expect(killed || code === 0).toBe(true);
  return { killed, steps, body };
}
