import { expect } from "bun:test";
import { createHash } from "node:crypto";
import { type ProgramResult, run, type Surroundings, TestDirectory } from "../harness.ts";
import { clouds, facts, Project } from "./glance.ts";

// What tests of the program against a real Glance share: one image in a project that nobody else uses.

export const mine = await Project.login(facts.other);
export const env = { OS_CLIENT_CONFIG_FILE: clouds };
export const bytes = new Uint8Array(3 << 20).map((_, i) => (i * 7 + (i >> 9)) & 0xff);
export const sha512 = createHash("sha512").update(bytes).digest("hex");

export const FILE = 'source = { file = "./disk.img" }';

export const toml = (image: string, settings = 'cloud = "other"', plugin = "openstack") =>
  `[backend.x]\nplugin = "${plugin}"\n${settings}\n\n[image.big]\nbackend = "x"\n${image}\n`;

export async function at(image: string, settings?: string, plugin?: string): Promise<TestDirectory> {
  return await TestDirectory.make({ "images.toml": toml(image, settings, plugin), "disk.img": bytes });
}

export const images = (place: TestDirectory, ...args: readonly string[]): Promise<ProgramResult> =>
  run(place, args, { env });
export const apply = (place: TestDirectory, more: Surroundings = {}) =>
  run(place, ["apply", "--yes"], { ...more, env: { ...env, ...more.env } });
export const settled = async (place: TestDirectory) =>
  expect((await images(place, "plan", "--detailed-exitcode")).code).toBe(0);

/** The images of the project, as "name status". */
export const live = async () => (await mine.images()).map(({ name, status }) => `${name} ${status}`).sort();
