import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { makeDisk, makeNoise, serve } from "../files.ts";
import { applied, STORE, shell } from "../sides.ts";
import type { Contest, Goal, Program, Race, Row } from "../types.ts";

// Bytes on this host alone: fetched, converted, compressed, decompressed, stored.

const MiB = 2 ** 20;
const PEAK = 150;

/** From a URL to a store, in memory or on the disk. */
async function fetched(race: Race, on: "memory" | "disk"): Promise<Contest> {
  const path = join(race.memory, "image.raw");
  const digest = await makeNoise(path, race.mib);
  const { url, stop } = serve(path);
  race.defer(stop);
  const piped = `test "$(curl -sSf ${url} | tee image.raw | sha256sum)" = "${digest}  -"`;
  const toml = `${STORE}[image.a]\nsource = { url = "${url}", checksum = "sha256:${digest}" }\n`;
  return {
    title: `${race.mib} MiB from a URL into a verified store, ${on === "disk" ? "on the disk, synced" : "in memory"}`,
    bytes: race.mib * MiB,
    ours: (program) => applied(program, program[on], { toml }),
    peers: [
      {
        name: on === "disk" ? "curl, tee, sha256sum, sync" : "curl, tee, sha256sum",
        needs: ["curl", "sha256sum"],
        goal: { ratio: 0.8, peak: PEAK },
        make: () => shell(on === "disk" ? `${piped} && sync image.raw` : piped, join(race[on], "peer")),
      },
    ],
  };
}

interface Conversion {
  readonly mib: number;
  /** What makes `form` of `disk.raw`, untimed. */
  readonly make?: string;
  /** The image block, but for the source's file. */
  readonly block: string;
  readonly peer: string;
  /** What the peer does with `../form`. */
  readonly script: string;
  readonly needs: readonly string[];
  readonly goal: Goal;
  readonly title: string;
}

/** A form of a disk that becomes another one in the store. */
async function converted(race: Race, wanted: Conversion): Promise<Contest> {
  const { mib, make, block, peer, script, needs, goal, title } = wanted;
  await makeDisk(join(race.memory, "disk.raw"), mib);
  if (make === undefined) await symlink("disk.raw", join(race.memory, "form"));
  else await race.run({ argv: ["bash", "-ec", make], cwd: race.memory });
  return {
    title,
    bytes: mib * MiB,
    ours: (program) => applied(program, program.memory, { toml: `${STORE}[image.a]\n${block}\n` }),
    peers: [
      {
        name: peer,
        needs,
        goal: { ...goal, peak: PEAK },
        make: async () => {
          await mkdir(join(race.memory, "peer"), { recursive: true });
          return await shell(script, join(race.memory, "peer"));
        },
      },
    ],
  };
}

const convert = (race: Race): Promise<Contest> =>
  converted(race, {
    mib: race.mib,
    title: `qcow2 of ${race.mib} MiB to raw, hashed`,
    make: "qemu-img convert -f raw -O qcow2 disk.raw form",
    block: 'source = "../form"\nformat = "raw"',
    peer: "qemu-img convert, sha256sum",
    script: "qemu-img convert -f qcow2 -O raw ../form out && sha256sum out",
    needs: ["qemu-img", "sha256sum"],
    goal: { ratio: 0.6 },
  });

const compressed = (race: Race): Promise<Contest> =>
  converted(race, {
    mib: Math.ceil(race.mib / 2),
    title: `raw of ${Math.ceil(race.mib / 2)} MiB to gz, hashed`,
    block: 'source = "../form"\ncompression = "gz"',
    peer: "pigz, sha256sum",
    script: "pigz -c ../form >out && sha256sum out",
    needs: ["pigz", "sha256sum"],
    goal: {},
  });

/** By the name of the row: how it is packed, and unpacked, and which part of the size. */
const PACKINGS: readonly (readonly [name: string, tool: string, make: string, script: string, part: number])[] = [
  ["xz", "xz", "xz -6 -T2 -c disk.raw >form", "xz -dc ../form >out", 4],
  ["bz2", "bzip2", "bzip2 -1 -c disk.raw >form", "bzip2 -dc ../form >out", 8],
  ["zst", "zstd", "zstd -q -3 -c disk.raw >form", "zstd -q -dc ../form >out", 1],
  ["gz", "gzip", "gzip -1 -c disk.raw >form", "gzip -dc ../form >out", 2],
];

const unpacked = ([name, tool, make, script, part]: (typeof PACKINGS)[number]): Row => ({
  name: `unpack-${name}`,
  group: "local",
  about: `${name} to raw`,
  needs: [tool],
  open: (race) => {
    const mib = Math.ceil(race.mib / part);
    return converted(race, {
      mib,
      title: `${name} to a raw disk of ${mib} MiB, hashed`,
      make,
      block: 'source = { file = "../form", decompress = true }\nformat = "raw"',
      peer: script.replace(/ \.\..*/, ""),
      script,
      needs: [tool],
      goal: {},
    });
  },
});

/** Starts backends that keep nothing, each of so many MiB/s. @returns their URL */
async function sinks(race: Race, pace: number): Promise<string> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "../sinks.ts"), `${pace}`], {
    stdout: "pipe",
    stdin: "ignore",
  });
  race.defer(async () => {
    child.kill();
    await child.exited;
  });
  const { value } = await child.stdout.getReader().read();
  return `http://127.0.0.1:${new TextDecoder().decode(value).trim()}`;
}

/** The same bytes to four backends at once, and to one: what the others cost. */
async function fanned(race: Race, pace: number): Promise<Contest> {
  const path = join(race.memory, "image.raw");
  const digest = await makeNoise(path, race.mib);
  const { url, stop } = serve(path);
  race.defer(stop);
  const services = await sinks(race, pace);
  const toml = (count: number): string => {
    const names = Array.from({ length: count }, (_, i) => `b${i}`);
    const backends = names.map(
      (name) => `[backend.${name}]\nplugin = "openstack"\nauth_type = "none"\nendpoint = "${services}/${name}"\n`,
    );
    const image = `[image.a]\nbackends = [${names.map((name) => `"${name}"`).join(", ")}]\ndisk_format = "raw"\n`;
    const source = `source = { url = "${url}", checksum = "sha256:${digest}" }\n`;
    return `[settings]\nname = "race"\n${backends.join("")}${image}${source}`;
  };
  const before = async () => {
    await fetch(`${services}/forget`, { method: "POST" });
  };
  const side = (program: Program, directory: string, count: number) =>
    applied(program, directory, { toml: toml(count), before });
  const one: Program = { name: "ours", argv: [race.binary], disk: race.disk, memory: race.memory };
  return {
    title: `${race.mib} MiB from a URL to 4 backends at once${pace === 0 ? "" : `, each of ${pace} MiB/s`}`,
    bytes: race.mib * MiB,
    ours: (program) => side(program, program.memory, 4),
    peers: [
      {
        name: "ours to 1 backend",
        goal: { ratio: 1.3, peak: PEAK },
        make: () => side(one, join(race.memory, "one"), 1),
      },
    ],
  };
}

/** A file to so many of the same backends at once, each with a sha256 of its own: each reader proves what it gets. */
const proven = (services: string, path: string, count: number): string => {
  const image = (i: number) => `${services}/b${i}/v2/images`;
  const sent = (i: number) =>
    `curl -sSf -o /dev/null -d '{"id":"a"}' ${image(i)}; openssl dgst -sha256 '${path}' & curl -sSf -T '${path}' ${image(i)}/a/file; wait`;
  return `${Array.from({ length: count }, (_, i) => `(${sent(i)}) &`).join(" ")} wait`;
};

/** What four uploads cost beside one, without any of ours. */
async function fanLimit(race: Race): Promise<Contest> {
  const path = join(race.memory, "image.raw");
  await makeNoise(path, race.mib);
  const services = await sinks(race, 0);
  const peer = (count: number) => ({
    name: `curl -T and openssl dgst -sha256, ${count} at once`,
    needs: ["curl", "openssl"],
    make: () => shell(proven(services, path, count), join(race.memory, `peer${count}`)),
  });
  return { title: `${race.mib} MiB to 4 backends, and to 1`, bytes: race.mib * MiB, peers: [peer(1), peer(4)] };
}

const local = (name: string, about: string, open: Row["open"], needs: readonly string[] = []): Row => ({
  name,
  group: "local",
  about,
  needs,
  open,
});

export const BYTES: readonly Row[] = [
  local("url-store", "a URL into a verified store, in memory", (race) => fetched(race, "memory")),
  local("url-store-disk", "the same on the disk, synced", (race) => fetched(race, "disk")),
  local("qcow2-raw", "qcow2 to raw", convert, ["qemu-img"]),
  local("raw-gz", "raw to gz", compressed),
  ...PACKINGS.map(unpacked),
  local("fan-out", "a URL to 4 backends of 64 MiB/s each, beside 1", (race) => fanned(race, 64)),
  local("fan-out-loopback", "the same at the speed of loopback", (race) => fanned(race, 0)),
  local("limit-fan-out", "a file to 4 such backends and to 1, by curl and openssl", fanLimit, ["curl", "openssl"]),
];
