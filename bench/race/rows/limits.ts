import { join } from "node:path";
import { makeNoise, serve } from "../files.ts";
import { shell } from "../sides.ts";
import type { Race, Row } from "../types.ts";

// What the machine itself can do with the same bytes: no row that moves them can be faster.

interface Limit {
  readonly name: string;
  readonly about: string;
  readonly on: "memory" | "disk";
  readonly needs: readonly string[];
  readonly script: (path: string, url: string) => string;
}

const LIMITED: readonly Limit[] = [
  {
    name: "disk",
    about: "writing to the disk, synced",
    on: "disk",
    needs: [],
    script: (path) => `dd if='${path}' of=out bs=1M conv=fsync status=none`,
  },
  { name: "copy", about: "copying in memory", on: "memory", needs: [], script: (path) => `cp '${path}' out` },
  {
    name: "loopback",
    about: "fetching over loopback",
    on: "memory",
    needs: ["curl"],
    script: (_, url) => `curl -sSf -o /dev/null ${url}`,
  },
  ...["md5", "sha256", "sha512"].map((hash) => ({
    name: hash,
    about: `${hash} alone`,
    on: "memory" as const,
    needs: ["openssl"],
    script: (path: string) => `openssl dgst -${hash} '${path}'`,
  })),
];

const row = ({ name, about, on, needs, script }: Limit): Row => ({
  name: `limit-${name}`,
  group: "local",
  about: `${about}: the machine's limit`,
  needs,
  open: async (race: Race) => {
    const path = join(race.memory, "image.raw");
    await makeNoise(path, race.mib);
    const { url, stop } = serve(path);
    race.defer(stop);
    const peer = script("IMAGE", "URL").replaceAll("'", "");
    const make = () => shell(script(path, url), join(race[on], "peer"));
    return { title: `${race.mib} MiB, ${about}`, bytes: race.mib * 2 ** 20, peers: [{ name: peer, needs, make }] };
  },
});

export const LIMITS: readonly Row[] = LIMITED.map(row);
