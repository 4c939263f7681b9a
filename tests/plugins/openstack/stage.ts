import { createHash } from "node:crypto";
import { type ProgramResult, run, TestDirectory } from "../../harness.ts";
import { Glance } from "./glance.ts";
import { Cloud } from "./keystone.ts";

// The program in a directory of its own, beside a Keystone and a Glance in this process.

export const bytes = "small\n".repeat(1000);

export interface Stage extends AsyncDisposable {
  readonly cloud: Cloud;
  readonly glance: Glance;
  readonly directory: TestDirectory;
  images(...args: readonly string[]): Promise<ProgramResult>;
  /** Writes images.toml: the backend as it is, and these blocks. */
  declare(images: string): Promise<void>;
}

interface Options {
  readonly plugin?: string;
  readonly more?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
}

export async function staged(
  images: string,
  { plugin = "openstack", more = "", env = {}, files = {} }: Options = {},
): Promise<Stage> {
  const cloud = new Cloud();
  const glance = new Glance();
  cloud.glance = glance.answer;
  const login = `auth_url = "${cloud.url}"\nusername = "ann"\npassword = "env:PW"\nproject_id = "p1"\nregion = "One"`;
  const settings = '[settings]\nname = "team"\n\n';
  const toml = (blocks: string) => `${settings}[backend.x]\nplugin = "${plugin}"\n${login}\n${more}\n${blocks}`;
  const directory = await TestDirectory.make({ "images.toml": toml(images), "disk.img": bytes, ...files });
  return {
    cloud,
    glance,
    directory,
    images: (...args) => run(directory, args, { env: { PW: "pw", ...env } }),
    declare: async (blocks) => await directory.write("images.toml", toml(blocks)),
    [Symbol.asyncDispose]: async () => {
      await cloud[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}

export const declared = (name: string, more = "") =>
  `[image.${name}]\nbackend = "x"\ndisk_format = "raw"\nsource = { file = "./disk.img" }\n${more}\n`;

/** An image as somebody has uploaded the same bytes before this program came. */
export function existing(id: string, more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const of = (algorithm: string) => createHash(algorithm).update(bytes).digest("hex");
  return {
    id,
    name: id,
    status: "active",
    owner: "p1",
    visibility: "private",
    disk_format: "raw",
    container_format: "bare",
    min_disk: 0,
    min_ram: 0,
    protected: false,
    os_hidden: false,
    tags: [],
    size: bytes.length,
    checksum: of("md5"),
    os_hash_algo: "sha512",
    os_hash_value: of("sha512"),
    ...more,
  };
}
