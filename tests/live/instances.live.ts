import { expect, test } from "bun:test";
import { resolve } from "node:path";
import { api, cannotRun, DIR, facts, type Json, Lab, running } from "./incus-kit.ts";
import { Watch } from "./incus-watch.ts";

// Images of instances that run: the instance runs again afterwards, however the run ends.

if (DIR === undefined) throw new Error("INCUS_LIVE names the directory that tests/live/incus-up was given");
const { main } = await facts();
const PROGRAM = process.env["IMAGES_BINARY"]?.split(" ") ?? [process.execPath, resolve("src/cli/main.ts")];
const LONG = 300_000;
const missing = await cannotRun(main.socket);

const instance = async (name: string): Promise<Json> => await api(main.socket, "GET", `/1.0/instances/${name}`);
const powerOf = ({ status, ephemeral, config }: Json) => [status, ephemeral, config["user.images.restart"] ?? null];
async function images(lab: Lab): Promise<readonly Json[]> {
  const all: readonly Json[] = await api(main.socket, "GET", "/1.0/images?recursion=1");
  return all.filter(({ properties }) => properties["images.file"] === lab.project.name);
}
/** An image of the instance, in the default project, whose images nobody else of the tests owns. */
async function declare(lab: Lab, name: string, ...lines: readonly string[]): Promise<void> {
  const block = [
    "[image.a]",
    'backend = "lab"',
    `source_instance = { name = "${name}" }`,
    `alias = "${lab.project.name}-a"`,
    ...lines,
  ];
  await lab.declare(`${block.join("\n")}\n[settings]\nname = "${lab.project.name}"\n`);
}

test.skipIf(missing !== "")(
  `of a running instance: said by the plan; with force it is stopped, published and started again, as it was${missing}`,
  async () => {
    for (const ephemeral of [false, true]) {
      await using lab = await Lab.open();
      const name = `force-${lab.project.name}`;
      await using _ = await running(main.socket, name, ephemeral);
      lab.settings = lab.settings.replace(/project = .*\n/, "");
      await declare(lab, name);
      const plan = await lab.run("plan");
      expect([plan.code, plan.stdout.includes("is running")]).toEqual([1, true]);
      await declare(lab, name, "force = true");
      await lab.apply();
      await lab.settled();
      expect((await images(lab)).length).toBe(1);
      expect(powerOf(await instance(name))).toEqual(["Running", ephemeral, null]);
      expect((await lab.run("destroy", "--yes")).code).toBe(0);
      // What cannot be published is started again as well.
      await declare(lab, name, "force = true", 'compression = "no-such-program"');
      expect((await lab.run("apply", "--yes")).code).toBe(1);
      expect(powerOf(await instance(name))).toEqual(["Running", ephemeral, null]);
      expect(await images(lab)).toEqual([]);
    }
  },
  LONG,
);

test.skipIf(missing !== "")(
  `killed at every step: the plan says that it was stopped, and the next apply starts it again${missing}`,
  async () => {
    await using lab = await Lab.open();
    await using watch = await Watch.open(lab.directory.at("socket"), main.socket);
    const name = `kill-${lab.project.name}`;
    await using _ = await running(main.socket, name);
    lab.settings = `socket = "${watch.socket}"\n`;
    await declare(lab, name, "force = true");
    let stopped = 0;
    for (let step = 1, isOver = false; !isOver; step++)
      for (const moment of ["before", "after"] as const) {
        const env = {
          ...process.env,
          ...lab.env,
          HOME: lab.directory.path,
          XDG_STATE_HOME: lab.directory.at("scratch"),
        };
        const child = Bun.spawn([...PROGRAM, "apply", "--yes"], {
          cwd: lab.directory.path,
          env: { ...env, IMAGES_CACHE: lab.directory.at("cache") },
          stdio: ["ignore", "ignore", "ignore"],
        });
        let steps = 0;
        watch.at = async (now, what) => {
          if (what.startsWith("GET")) return;
          if (now === "before") steps++;
          if (steps !== step || now !== moment) return;
          child.kill("SIGKILL");
          await child.exited;
          if (moment === "before") throw new Error("it was killed before it could send this");
        };
        await child.exited;
        watch.at = async () => undefined;
        isOver = steps < step;
        const [status] = powerOf(await instance(name));
        const plan = await lab.run("plan");
        if (status === "Stopped") {
          stopped++;
          expect(`${plan.stdout}${plan.stderr}`).toContain(`stopped the instance ${name}`);
        }
        const said = await lab.run("apply", "--yes", "--lock-timeout", "5s");
        if (said.code !== 0) throw new Error(`killed ${moment} step ${step}: ${said.stdout}${said.stderr}`);
        await lab.settled();
        expect([step, moment, ...powerOf(await instance(name))]).toEqual([step, moment, "Running", false, null]);
        expect((await images(lab)).length).toBe(1);
        expect((await lab.run("destroy", "--yes")).code).toBe(0);
        if (isOver) break;
      }
    expect(stopped).toBeGreaterThanOrEqual(2);
  },
  LONG,
);

test.skipIf(missing !== "")(
  `Ctrl-C in the publication: the instance runs when the program has ended${missing}`,
  async () => {
    await using lab = await Lab.open();
    await using watch = await Watch.open(lab.directory.at("socket"), main.socket);
    const name = `stop-${lab.project.name}`;
    await using _ = await running(main.socket, name);
    lab.settings = `socket = "${watch.socket}"\n`;
    await declare(lab, name, "force = true");
    const env = { ...process.env, ...lab.env, HOME: lab.directory.path, XDG_STATE_HOME: lab.directory.at("scratch") };
    const child = Bun.spawn([...PROGRAM, "apply", "--yes"], {
      cwd: lab.directory.path,
      env,
      stdio: ["ignore", "ignore", "ignore"],
    });
    let isSent = false;
    watch.at = async (moment, what) => {
      if (isSent || moment !== "after" || what !== "POST /1.0/images") return;
      isSent = true;
      child.kill("SIGINT");
    };
    expect([(await child.exited) !== 0, isSent]).toEqual([true, true]);
    expect(powerOf(await instance(name))).toEqual(["Running", false, null]);
    await lab.apply();
    await lab.settled();
    expect((await lab.run("destroy", "--yes")).code).toBe(0);
    expect(await images(lab)).toEqual([]);
  },
  LONG,
);
