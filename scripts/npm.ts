import { chmod, copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { gunzipSync } from "node:zlib";
import { TARGETS } from "./runtimes.ts";

// `bun scripts/npm.ts --release DIRECTORY --out DIRECTORY [--scope @NAME]`: the packages for npm of a release: one that people install,
// and one with the binary of each platform, of which npm installs the one that fits.

const ROOT = join(import.meta.dir, "..");

/** What npm asks of a machine before it installs a package. */
interface Machine {
  readonly os: readonly [string];
  readonly cpu: readonly [string];
  readonly libc?: readonly [string];
}

export function machineOf(target: string): Machine {
  const [system = "", cpu = "", libc] = target.split("-");
  const os = system === "windows" ? "win32" : system;
  return { os: [os], cpu: [cpu], ...(system === "linux" ? { libc: [libc ?? "glibc"] } : {}) };
}

/** Writes the directories of the packages, ready for `npm publish`; answers their names. */
export async function npmPackages(release: string, out: string, scope: string): Promise<readonly string[]> {
  if (!/^@[a-z0-9][a-z0-9._-]*$/.test(scope)) throw new Error(`no npm scope: ${scope}`);
  const version = (await readFile(join(release, "VERSION"), "utf8")).trim();
  const common = { version, license: "SEE LICENSE IN LICENSES.txt", description: "Declarative machine images" };
  const made: string[] = [];
  const begin = async (name: string): Promise<string> => {
    const directory = join(out, name.replace("/", "-").replace("@", ""));
    await mkdir(directory, { recursive: true });
    await copyFile(join(release, "LICENSES.txt"), join(directory, "LICENSES.txt"));
    made.push(name);
    return directory;
  };
  const write = (directory: string, manifest: object) =>
    writeFile(join(directory, "package.json"), `${JSON.stringify({ ...manifest, ...common }, undefined, 2)}\n`);
  for (const { name: target } of TARGETS) {
    const suffix = target.startsWith("windows") ? ".exe" : "";
    const packed = join(release, `images-${target}${suffix}.gz`);
    if (!(await Bun.file(packed).exists())) continue;
    const name = `${scope}/images-${target}`;
    const directory = await begin(name);
    await writeFile(join(directory, `images${suffix}`), gunzipSync(await readFile(packed)));
    await chmod(join(directory, `images${suffix}`), 0o755);
    await write(directory, { name, files: [`images${suffix}`, "LICENSES.txt"], ...machineOf(target) });
  }
  const optionalDependencies = Object.fromEntries(made.map((name) => [name, version]));
  const directory = await begin(`${scope}/images`);
  const launcher = await readFile(join(ROOT, "packaging", "npm", "images.cjs"), "utf8");
  await writeFile(join(directory, "images.cjs"), launcher.replace("@SCOPE@", scope));
  await chmod(join(directory, "images.cjs"), 0o755);
  const files = ["images.cjs", "LICENSES.txt"];
  await write(directory, { name: `${scope}/images`, bin: { images: "images.cjs" }, files, optionalDependencies });
  return made;
}

if (import.meta.main) {
  const text = { type: "string" } as const;
  const options = { release: { ...text, default: "dist/release" }, out: { ...text, default: "dist/npm" } };
  const { values } = parseArgs({ options: { ...options, scope: { ...text, default: "@images" } } });
  for (const name of await npmPackages(values.release, values.out, values.scope)) console.log(name);
}
