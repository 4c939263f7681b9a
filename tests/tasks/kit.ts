import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { $ } from "bun";
import { served } from "../core/net/kit.ts";
import { Glance } from "../plugins/openstack/glance.ts";
import { Cloud } from "../plugins/openstack/keystone.ts";
import type { World } from "./page.ts";

/** A qcow2 disk with a few bytes in it, by qemu-img. */
export async function qcow2(marker: string): Promise<Uint8Array> {
  const scratch = await mkdtemp(join(tmpdir(), "images-tasks-"));
  try {
    const [raw, disk] = [join(scratch, "disk.raw"), join(scratch, "disk.qcow2")];
    await Bun.write(raw, `${marker}\n`.repeat(10_000).slice(0, 65_536));
    await $`qemu-img convert -f raw -O qcow2 ${raw} ${disk}`.quiet();
    return await readFile(disk);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

export type CloudWorld = AsyncDisposable & {
  readonly cloud: Cloud;
  readonly glance: Glance;
  readonly world: World;
  /** A clouds.yaml with the cloud of the pages. */
  readonly clouds: string;
};

/** A Keystone and a Glance of which only the address differs from that on the pages. */
export function clouded(): CloudWorld {
  const cloud = new Cloud();
  const glance = new Glance();
  cloud.glance = glance.answer;
  const login = `auth: {auth_url: '${cloud.url}/v3', username: ann, password: secret, project_id: p1}`;
  return {
    cloud,
    glance,
    clouds: `clouds: {mycloud: {${login}, region_name: One}}\n`,
    world: {
      hosts: [["https://keystone.example.org", cloud.url]],
      inputs: [["region_name: RegionOne", "region_name: One"]],
    },
    [Symbol.asyncDispose]: () => cloud[Symbol.asyncDispose](),
  };
}

const DEBIAN = "debian-12-genericcloud-amd64.qcow2";

/** A web server in the place of cloud.debian.org: this disk under every name. */
export function debian(disk: Uint8Array) {
  const sums = `${createHash("sha512").update(disk).digest("hex")}  ${DEBIAN}\n`;
  const log: string[] = [];
  const server = served((request) => {
    const { pathname } = new URL(request.url);
    log.push(`${request.method} ${pathname}`);
    if (pathname.endsWith("/SHA512SUMS")) return new Response(sums);
    return pathname.endsWith(".qcow2")
      ? new Response(request.method === "HEAD" ? null : Uint8Array.from(disk), {
          headers: { etag: '"1"', "content-length": String(disk.length) },
        })
      : new Response("none", { status: 404 });
  });
  return {
    host: ["https://cloud.debian.org", server.url] as const,
    log,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
