import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { putAside } from "../files.ts";
import { multiplied } from "../many.ts";
import { applied, planned, STORE, shell } from "../sides.ts";
import { terraform } from "../terraform.ts";
import type { Contender, Contest, OpenStack, Program, Race, Row } from "../types.ts";

// Plans that find nothing to do, and an apply of many small images: what the number of images costs.

/** What no plan can do without: the file, the state and every record, read and parsed. */
const READ_ALL = `
  const { globSync, readFileSync } = require("node:fs");
  const text = (path) => readFileSync(path, "utf8");
  const all = [Bun.TOML.parse(text("images.toml")), JSON.parse(text("images.state.json"))];
  for (const path of globSync("st*/images/*.json")) all.push(JSON.parse(text(path)));
  if (all.length < 3) process.exit(1);`;

const reading = (directory: string): Contender => ({
  run: { argv: [process.execPath, "-e", READ_ALL], cwd: directory },
});

async function planLocal(race: Race): Promise<Contest> {
  const count = race.count(10_000);
  const blocks = Array.from({ length: count }, (_, i) => `[image.i${i}]\nsource = "../a.img"\n`).join("");
  await writeFile(join(race.memory, "a.img"), "the same small bytes\n");
  let made: string | undefined;
  return {
    title: `no-op plan of ${count} local images`,
    ours: async (program) => {
      const { run } = await applied(program, program.memory, { toml: STORE + blocks });
      await race.run(run);
      made ??= program.memory;
      return planned(program, program.memory);
    },
    peers: [
      {
        name: "the same files read and parsed",
        goal: { ms: 500, peak: 150 },
        make: async () => reading(made ?? ""),
      },
    ],
  };
}

async function planMany(race: Race): Promise<Contest> {
  const [backends, each] = [20, race.count(5000)];
  let made: string | undefined;
  return {
    title: `no-op plan of ${backends * each} addresses, ${each} on each of ${backends} backends`,
    ours: async (program) => {
      await multiplied(race, program, { directory: program.memory, backends, each });
      made ??= program.memory;
      return planned(program, program.memory);
    },
    peers: [
      {
        name: "the same files read and parsed",
        goal: { ms: 10_000, peak: 500 },
        make: async () => reading(made ?? ""),
      },
    ],
  };
}

/** What no apply into a store can do without: the bytes of each image and what is known of it, both there after a power failure. */
const WRITE_ALL = `
  const { closeSync, fdatasyncSync, mkdirSync, openSync, readdirSync, readFileSync, writeSync } = require("node:fs");
  const keep = (path, bytes) => {
    const file = openSync(path, "wx");
    writeSync(file, bytes);
    fdatasyncSync(file);
    closeSync(file);
  };
  for (const name of ["bytes", "records"]) mkdirSync(name);
  const from = process.argv[1];
  for (const name of readdirSync(from)) {
    const bytes = readFileSync(from + "/" + name);
    const sha256 = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
    keep("bytes/" + name, bytes);
    keep("records/" + name, JSON.stringify({ name, sha256, size: bytes.length }));
  }`;

async function applyMany(race: Race): Promise<Contest> {
  const count = race.count(1000);
  const from = join(race.disk, "from");
  await mkdir(from);
  for (let i = 0; i < count; i += 1) await writeFile(join(from, `${i}.img`), `image ${i}\n`.repeat(500));
  const blocks = Array.from({ length: count }, (_, i) => `[image.i${i}]\nsource = "../from/${i}.img"\n`).join("");
  return {
    title: `apply of ${count} new images of 5 kB on the local store`,
    ours: (program) => applied(program, program.disk, { toml: STORE + blocks, empty: putAside }),
    peers: [
      {
        name: "cp, and sync of each",
        goal: { ratio: 3, peak: 150 },
        make: () => shell(`cp -r '${from}' to && sync to/*`, join(race.disk, "peer"), { empty: putAside }),
      },
      {
        name: "a script that writes and syncs two files an image: its bytes, and a record of it",
        make: async () => {
          const script = `'${process.execPath}' -e '${WRITE_ALL}' '${from}'`;
          return await shell(script, join(race.disk, "two"), { empty: putAside });
        },
      },
    ],
  };
}

const glance = (count: number) =>
  `[settings]\nname = "race"\n[backend.x]\nplugin = "openstack"\ncloud = "demo"\n${Array.from({ length: count }, (_, i) => `[image.i${i}]\nbackend = "x"\ndisk_format = "raw"\nsource = { file = "../../disk.img" }\n`).join("")}`;

/** What no plan can do without: a token of Keystone, and the list of Glance. */
async function curlPlan(race: Race, { glance, question }: OpenStack): Promise<Contender> {
  const { url, body } = question("demo");
  await writeFile(join(race.memory, "question.json"), body);
  const asks = `curl -sSf -o /dev/null -D head -H 'Content-Type: application/json' -d @../question.json '${url}'`;
  const header = `sed -n 's/^x-subject-token: *\\([^\\r]*\\).*/X-Auth-Token: \\1/Ip' head >token`;
  const lists = `curl -sSf -H @token '${glance}/v2/images?limit=1000' | grep -q '"images"'`;
  return await shell(`${asks}; ${header}; ${lists}`, join(race.memory, "curl"));
}

async function planGlance(race: Race): Promise<Contest> {
  const server = await race.servers.openstack();
  const { clouds, empty } = server;
  const count = race.count(100);
  const env = { OS_CLIENT_CONFIG_FILE: clouds };
  await writeFile(join(race.memory, "disk.img"), "small\n".repeat(1000));
  await empty("demo");
  return {
    title: `no-op plan of ${count} images in Glance`,
    ours: async (program) => await ownGlance(race, program, count, env),
    peers: [
      {
        name: "terraform plan",
        needs: ["terraform", "terraform-provider-openstack"],
        goal: { ratio: 0.05, peak: 150 },
        make: async () => {
          const directory = join(race.memory, "terraform");
          await empty("other");
          return await terraform(race, { directory, env, count, file: join(race.memory, "disk.img"), words: ["plan"] });
        },
      },
      {
        name: "curl, the two requests alone",
        needs: ["curl"],
        make: () => curlPlan(race, server),
      },
    ],
  };
}

async function ownGlance(
  race: Race,
  program: Program,
  count: number,
  env: Readonly<Record<string, string>>,
): Promise<Contender> {
  const directory = join(program.memory, "glance");
  const toml = glance(count).replace('name = "race"', `name = "race-${program.name}"`);
  const { run } = await applied(program, directory, { toml, env });
  await race.run(run);
  return planned(program, directory, env);
}

export const PLANS: readonly Row[] = [
  { name: "plan-100", group: "openstack", about: "no-op plan of 100 images in Glance", open: planGlance },
  { name: "plan-10000", group: "local", about: "no-op plan of 10,000 local images", open: planLocal },
  { name: "plan-100000", group: "local", about: "no-op plan of 100,000 addresses over 20 backends", open: planMany },
  { name: "apply-1000", group: "local", about: "apply of 1,000 small local images", open: applyMany },
];
