import { expect, test } from "bun:test";
import { appendFile, cp, mkdir, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { Failure } from "../../src/core/failure.ts";
import { run, TestDirectory } from "../harness.ts";
import { api, DIR, facts, type Json, project, restart } from "./incus-kit.ts";

if (DIR === undefined) throw new Error("INCUS_LIVE names the directory that tests/live/incus-up was given");
const { main, images } = await facts();
const PROGRAM = process.env["IMAGES_BINARY"]?.split(" ") ?? [process.execPath, resolve("src/cli/main.ts")];
const LONG = 300_000;

/** A directory with images.toml for a project of its own; `image` is what stands in the block of the only image. */
async function lab(image: string) {
  const directory = await TestDirectory.make();
  const own = await project(main.socket);
  const head = `[settings]\nname = "images"\n[backend.lab]\nplugin = "incus"\nsocket = "${main.socket}"\nconfig = "${directory.at("conf")}"\nproject = "${own.name}"\n`;
  await directory.write("images.toml", `${head}[image.a]\nbackend = "lab"\naliases = ["a"]\n${image}`);
  await cp(`${DIR}/conf`, directory.at("conf"), { recursive: true });
  await appendFile(
    directory.at("conf", "config.yml"),
    `  slow: {addr: "${images.url}/slow", protocol: simplestreams, public: true}\n`,
  );
  const env = {
    ...process.env,
    SSL_CERT_FILE: images.ca,
    XDG_STATE_HOME: directory.at("state"),
    IMAGES_CACHE: directory.at("cache"),
  };
  const busy = async (): Promise<readonly Json[]> =>
    Object.values(await api(main.socket, "GET", `/1.0/operations?project=${own.name}&recursion=1`))
      .flat()
      .filter((one: Json) => one.status_code === 103);
  return {
    directory,
    env,
    start: (...args: string[]) =>
      Bun.spawn([...PROGRAM, ...args], { cwd: directory.path, env, stdout: "pipe", stderr: "pipe", stdin: "ignore" }),
    found: async (): Promise<readonly Json[]> =>
      await api(main.socket, "GET", `/1.0/images?project=${own.name}&recursion=1`),
    busy,
    /** The copy that goes on has some of its bytes. */
    isMidway: async () => /rootfs: [2-9]\d%/.test(JSON.stringify(await busy())),
    async [Symbol.asyncDispose]() {
      await own[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}
type Lab = Awaited<ReturnType<typeof lab>>;

async function ok(place: Lab, ...args: string[]): Promise<void> {
  const child = place.start(...args);
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code !== 0) throw new Error(`${args.join(" ")}: ${code}\n${out}${err}`);
}

/** An archive of an image with so many bytes of noise in it. */
async function large(place: Lab, megabytes: number): Promise<void> {
  const root = place.directory.at("made");
  await mkdir(`${root}/rootfs`, { recursive: true });
  await writeFile(
    `${root}/metadata.yaml`,
    `architecture: x86_64\ncreation_date: ${(Date.now() / 1000) | 0}\nproperties: {}\n`,
  );
  const noise = crypto.getRandomValues(new Uint8Array(65_536));
  const file = Bun.file(`${root}/rootfs/noise`).writer();
  for (let i = 0; i < megabytes * 16; i++) {
    noise[0] = i & 255;
    noise[1] = i >> 8;
    file.write(noise);
    if (i % 256 === 0) await file.flush();
  }
  await file.end();
  await Bun.spawn(["tar", "-C", root, "-cf", place.directory.at("large.tar"), "metadata.yaml", "rootfs"]).exited;
}

/** A stream with a container of so many megabytes, another one each time. */
async function streamed(place: Lab, megabytes: number): Promise<string> {
  const name = `big${Date.now()}`;
  const metadata = `architecture: x86_64\ncreation_date: 1700000000\nproperties:\n  os: Big\n  release: ${name}\n  variant: default\n  architecture: amd64\n  description: Big\n`;
  await place.directory.write("metadata.yaml", metadata);
  await Bun.spawn(["tar", "-C", place.directory.path, "-cJf", place.directory.at("meta.tar.xz"), "metadata.yaml"])
    .exited;
  const rootfs = Buffer.concat([
    await Bun.file(`${DIR}/img/rootfs.squashfs`).bytes(),
    ...Array.from({ length: megabytes * 16 }, () => crypto.getRandomValues(new Uint8Array(65_536))),
  ]);
  await place.directory.write("rootfs.squashfs", rootfs);
  const add = Bun.spawn(
    [
      "incus-simplestreams",
      "add",
      place.directory.at("meta.tar.xz"),
      place.directory.at("rootfs.squashfs"),
      "--no-default-alias",
      "--alias",
      name,
    ],
    { cwd: `${DIR}/streams`, stdout: "ignore" },
  );
  expect(await add.exited).toBe(0);
  await Bun.spawn([images.forget]).exited;
  return name;
}

async function until(is: () => Promise<boolean>): Promise<void> {
  while (!(await is())) await Bun.sleep(20);
}

test(
  "Ctrl-C in a copy cancels it on the server, and nothing is left",
  async () => {
    await using place = await lab("");
    const name = await streamed(place, 5);
    const text = await Bun.file(place.directory.at("images.toml")).text();
    await place.directory.write("images.toml", `${text}source = "slow:${name}"\n`);
    const stop = new AbortController();
    const running = run(place.directory, ["apply", "--yes", "--json"], {
      env: { SSL_CERT_FILE: images.ca },
      signal: stop.signal,
    });
    await until(place.isMidway);
    stop.abort(new Failure("run.interrupted", "interrupted"));
    expect((await running).code).toBe(130);
    expect(await place.busy()).toEqual([]);
    expect(await place.found()).toEqual([]);
  },
  LONG,
);

test(
  "the daemon is killed and restarted in the middle of a copy",
  async () => {
    await using place = await lab("");
    const name = await streamed(place, 5);
    const text = await Bun.file(place.directory.at("images.toml")).text();
    await place.directory.write("images.toml", `${text}source = "slow:${name}"\n`);
    const child = place.start("apply", "--yes", "--json");
    await until(place.isMidway);
    await restart();
    const [said, code] = await Promise.all([new Response(child.stdout).text(), child.exited]);
    if (code !== 0) console.log(said);
    expect(code).toBe(0);
    const phases = said.split("\n").map((line) => (line === "" ? undefined : JSON.parse(line).hook?.phase));
    expect(said).toContain("transfer_progress");
    expect(phases).toContain("import");
    await ok(place, "plan", "--detailed-exitcode");
    expect((await place.found()).length).toBe(1);
  },
  LONG,
);

test(
  "the daemon is killed and restarted in the middle of an upload",
  async () => {
    await using place = await lab('source = "./large.tar"\n');
    await large(place, 512);
    const child = place.start("apply", "--yes", "--json");
    const reader = child.stdout.getReader();
    const lines = new TextDecoder();
    let said = "";
    while (!said.includes("transfer_start")) {
      const { done, value } = await reader.read();
      if (done) throw new Error(`no upload began: ${said}`);
      said += lines.decode(value);
    }
    await restart();
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) said += lines.decode(piece.value);
    if ((await child.exited) !== 0) console.log(said);
    expect(await child.exited).toBe(0);
    await ok(place, "plan", "--detailed-exitcode");
    expect((await place.found()).length).toBe(1);
  },
  LONG,
);

test(
  "killed in the middle of a copy, and run again: one image, nothing left over",
  async () => {
    await using place = await lab("");
    const name = await streamed(place, 5);
    const text = await Bun.file(place.directory.at("images.toml")).text();
    await place.directory.write("images.toml", `${text}source = "slow:${name}"\n`);
    const child = place.start("apply", "--yes");
    await until(place.isMidway);
    child.kill("SIGKILL");
    await child.exited;
    await ok(place, "apply", "--yes");
    await ok(place, "plan", "--detailed-exitcode");
    await until(async () => (await place.busy()).length === 0);
    expect((await place.found()).map((image) => image.aliases.map((one: Json) => one.name))).toEqual([["a"]]);
  },
  LONG,
);
