import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Enums, Models, Serialize, Spec } from "@cyclonedx/cyclonedx-library";
import { BUN, type Target } from "./runtimes.ts";

// The bill of materials of a release: what the binary has in it, in CycloneDX 1.6 JSON. Made from bun.lock (which versions, and their
// digests) and the package.json of each installed package (licence, home), and from nothing else: the same commit gives the same file.

const ROOT = join(import.meta.dir, "..");

/** What is said of a build besides its packages. */
export interface Build {
  readonly version: string;
  /** The commit that was built: the serial number is made from it. */
  readonly commit: string;
  /** When that commit was made, in ISO 8601. */
  readonly date: string;
  /** The runtimes in the binaries. */
  readonly runtimes: readonly Pick<Target, "name" | "package" | "integrity">[];
}

/** One package of bun.lock: `[name@version, registry, more, integrity]`. */
export interface Locked {
  readonly key: string;
  readonly name: string;
  readonly version: string;
  readonly needs: readonly string[];
  readonly integrity: string | undefined;
}

export interface Manifest {
  readonly license?: string;
  readonly description?: string;
  readonly homepage?: string;
  readonly author?: string | { readonly name: string };
  readonly dependencies?: Readonly<Record<string, string>>;
}

export const manifestOf = async (directory: string): Promise<Manifest> =>
  JSON.parse(await readFile(join(directory, "package.json"), "utf8"));

/** The packages of a lock file, by the key under which it keeps them (`a`, or `a/b` for the b that only a uses). */
export function lockedIn(text: string): ReadonlyMap<string, Locked> {
  const lock: { packages: Record<string, [string, string?, { dependencies?: Record<string, string> }?, string?]> } =
    Object(Bun.JSONC.parse(text));
  const all = Object.entries(lock.packages).map(([key, [id, , more, integrity]]): [string, Locked] => {
    const cut = id.lastIndexOf("@");
    const needs = Object.keys(more?.dependencies ?? {});
    return [key, { key, name: id.slice(0, cut), version: id.slice(cut + 1), needs, integrity }];
  });
  return new Map(all);
}

/** Everything that the named packages need, each once, in the order of their names. */
export function closure(locked: ReadonlyMap<string, Locked>, roots: readonly string[]): readonly Locked[] {
  const found = new Map<string, Locked>();
  const waiting = roots.map((name) => resolved(locked, "", name));
  for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
    if (found.has(one.key)) continue;
    found.set(one.key, one);
    for (const name of one.needs) waiting.push(resolved(locked, one.key, name));
  }
  return [...found.values()].sort((a, b) => (refOf(a) < refOf(b) ? -1 : 1));
}

/** The package that `name` means for the one at `from`: its own, or the nearest above it. */
function resolved(locked: ReadonlyMap<string, Locked>, from: string, name: string): Locked {
  for (let at = from; ; at = at.slice(0, Math.max(at.lastIndexOf("/"), 0))) {
    const one = locked.get(at === "" ? name : `${at}/${name}`);
    if (one !== undefined) return one;
    if (at === "") throw new Error(`bun.lock has no ${name}, which ${from || "package.json"} needs`);
  }
}

const purl = (name: string, version: string) => `pkg:npm/${name.replace("@", "%40")}@${version}`;
const refOf = ({ name, version }: Locked): string => purl(name, version);

/** `sha512-BASE64` in CycloneDX's words. */
function hashesOf(integrity: string | undefined): Models.HashDictionary {
  if (integrity === undefined) return new Models.HashDictionary();
  const [, kind = "", base64 = ""] = /^sha(\d+)-(.+)$/.exec(integrity) ?? [];
  const algorithm = Object.values(Enums.HashAlgorithm).find((one) => one === `SHA-${kind}`);
  if (base64 === "" || algorithm === undefined) throw new Error(`not a digest: ${integrity}`);
  return new Models.HashDictionary([[algorithm, Buffer.from(base64, "base64").toString("hex")]]);
}

/** An SPDX identifier, an expression of them, or what the package says. */
function licenceOf(said: string | undefined): Models.LicenseRepository {
  if (said === undefined) return new Models.LicenseRepository();
  const isId = /^[A-Za-z0-9.+-]+$/.test(said);
  return new Models.LicenseRepository([isId ? new Models.SpdxLicense(said) : new Models.LicenseExpression(said)]);
}

/** The directory that a package of the lock is installed in. */
export const directoryOf = (one: Locked): string => join(ROOT, "node_modules", ...one.key.split("/").flatMap(nested));

async function componentOf(one: Locked): Promise<Models.Component> {
  const directory = directoryOf(one);
  const { license, description, homepage } = await manifestOf(directory);
  const [group, name = one.name] = one.name.startsWith("@") ? one.name.split("/") : [undefined, one.name];
  const pages =
    homepage === undefined ? [] : [new Models.ExternalReference(homepage, Enums.ExternalReferenceType.Website)];
  return new Models.Component(Enums.ComponentType.Library, name, {
    bomRef: refOf(one),
    ...(group === undefined ? {} : { group }),
    version: one.version,
    ...(description === undefined ? {} : { description }),
    scope: Enums.ComponentScope.Required,
    hashes: hashesOf(one.integrity),
    licenses: licenceOf(license),
    purl: refOf(one),
    externalReferences: new Models.ExternalReferenceRepository(pages),
  });
}

const runtimeOf = ({ name, package: full, integrity }: Build["runtimes"][number]): Models.Component =>
  new Models.Component(Enums.ComponentType.Platform, full.replace("@oven/", ""), {
    bomRef: purl(full, BUN),
    group: "@oven",
    version: BUN,
    description: `The runtime in the binary for ${name}`,
    hashes: hashesOf(integrity),
    licenses: licenceOf("MIT"),
    purl: purl(full, BUN),
  });

/** Where a key of the lock is installed: `a/b` is node_modules/a/node_modules/b, `@x/a` is one directory. */
const nested = (part: string, i: number, parts: readonly string[]): readonly string[] =>
  i === 0 || parts[i - 1]?.startsWith("@") ? [part] : ["node_modules", part];

/**
 * The whole document, as JSON.
 * @throws Error where bun.lock and what is installed do not fit together
 */
export async function sbom({ version, commit, date, runtimes }: Build): Promise<string> {
  const [lock, { license, description = "", dependencies = {} }] = await Promise.all([
    readFile(join(ROOT, "bun.lock"), "utf8"),
    manifestOf(ROOT),
  ]);
  const locked = lockedIn(lock);
  const roots = Object.keys(dependencies).map((name) => resolved(locked, "", name));
  const packages = closure(locked, Object.keys(dependencies));
  const components = new Map<string, Models.Component>();
  for (const one of packages) components.set(one.key, await componentOf(one));
  const refsOf = (needed: readonly Locked[]) => needed.flatMap(({ key }) => components.get(key)?.bomRef ?? []);
  for (const one of packages)
    for (const ref of refsOf(one.needs.map((name) => resolved(locked, one.key, name))))
      components.get(one.key)?.dependencies.add(ref);
  const bun = runtimes.map(runtimeOf);
  const own = `pkg:generic/images@${version}`;
  const image = new Models.Component(Enums.ComponentType.Application, "images", {
    bomRef: own,
    version,
    description,
    licenses: licenceOf(license),
    purl: own,
    dependencies: new Models.BomRefRepository([...refsOf(roots), ...bun.map(({ bomRef }) => bomRef)]),
  });
  const bom = new Models.Bom({
    version: 1,
    serialNumber: `urn:uuid:${Bun.randomUUIDv5(`${own}?commit=${commit}`, "url")}`,
    metadata: new Models.Metadata({
      timestamp: new Date(date),
      component: image,
      properties: new Models.PropertyRepository([new Models.Property("images:commit", commit)]),
    }),
    components: new Models.ComponentRepository([...components.values(), ...bun]),
  });
  const serializer = new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6));
  return serializer.serialize(bom, { sortLists: true, space: 2 });
}

if (import.meta.main) {
  const [facts = "", file = ""] = process.argv.slice(2);
  await writeFile(file, `${await sbom(JSON.parse(facts))}\n`);
}
