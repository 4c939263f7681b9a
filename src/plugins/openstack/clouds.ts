import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Failure, type Host, homeOf, isTable } from "images";
import { parse } from "yaml";
import { VENDORS } from "./vendors.ts";

type Table = Readonly<Record<string, unknown>>;
type Env = Host["env"];
type Place = Pick<Host, "env" | "directory">;

/** A cloud of clouds.yaml: its settings as one flat table, `auth` among the others. */
interface CloudsEntry {
  readonly name: string;
  readonly settings: Readonly<Record<string, string | boolean>>;
}

/**
 * The cloud of that name, or without a name the only one that there is; undefined where no file has any. Where the cloud lists its
 * regions, with what it says of `region`, or of the first one.
 * @throws Failure config.value when a file cannot be read, or has no cloud of that name, or no such region
 */
export async function findCloud(
  name: string | undefined,
  place: Place,
  region?: string | undefined,
): Promise<CloudsEntry | undefined> {
  const clouds = await first(place, "OS_CLIENT_CONFIG_FILE", "clouds");
  const secure = await first(place, "OS_CLIENT_SECURE_FILE", "secure");
  const all = tableAt(merged(clouds?.table ?? {}, secure?.table ?? {}), "clouds");
  const names = Object.keys(all);
  if (name === undefined && names.length !== 1) return undefined;
  const chosen = name ?? names[0] ?? "";
  const found = all[chosen];
  if (!isTable(found)) {
    const where = clouds?.path ?? `${directories(place).join(", ")} (clouds.yaml)`;
    throw new Failure("config.value", `there is no cloud ${JSON.stringify(chosen)} in ${where}`, {
      hint: names.length === 0 ? "set OS_CLIENT_CONFIG_FILE, or set the credentials" : `there is: ${names.join(", ")}`,
    });
  }
  const vendor = found["profile"] ?? found["cloud"];
  const base = typeof vendor === "string" ? await profile(vendor, place) : {};
  return { name: chosen, settings: flat(chosen, merged(base, found), region) };
}

/** The directories in which openstack looks for its files. */
function directories({ env, directory }: Place): readonly string[] {
  const home = homeOf(env);
  return [directory, join(env["XDG_CONFIG_HOME"] ?? join(home, ".config"), "openstack"), "/etc/openstack"];
}

const ENDINGS = [".yaml", ".yml", ".json"];

async function first(
  place: Place,
  variable: string,
  name: string,
): Promise<{ path: string; table: Table } | undefined> {
  const named = place.env[variable];
  if (named !== undefined && named !== "") {
    const path = resolve(place.directory, named);
    const table = await read(path, name === "clouds" ? `check ${variable}` : undefined);
    if (table !== undefined) return { path, table };
  }
  for (const directory of directories(place)) {
    for (const ending of ENDINGS) {
      const path = join(directory, `${name}${ending}`);
      const table = await read(path, undefined);
      if (table !== undefined) return { path, table };
    }
  }
  return undefined;
}

/** JSON is YAML. Where `needed` says who asks for the file, its absence is a failure. */
async function read(path: string, needed: string | undefined): Promise<Table | undefined> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    const isThere = !(
      cause instanceof Error &&
      "code" in cause &&
      (cause.code === "ENOENT" || cause.code === "ENOTDIR")
    );
    if (isThere || needed !== undefined)
      throw new Failure("config.value", `${path} cannot be read`, { cause, hint: needed });
    return undefined;
  });
  if (text === undefined) return undefined;
  try {
    const value: unknown = parse(text, { logLevel: "error", merge: true });
    return underscored(isTable(value) ? value : {});
  } catch (cause) {
    // The parser quotes the line, in which a password may stand: only the place is reported.
    const position = typeof cause === "object" && cause !== null && "linePos" in cause ? cause.linePos : undefined;
    const line = Array.isArray(position) && isTable(position[0]) ? `, line ${position[0]["line"]}` : "";
    throw new Failure("config.value", `${path} is not YAML${line}`, {
      hint: "openstack --os-cloud NAME token issue reads it too",
    });
  }
}

/** What a profile means: of clouds-public.yaml, else one that openstacksdk knows. */
async function profile(name: string, place: Place): Promise<Table> {
  const found = await first(place, "OS_CLIENT_VENDOR_FILE", "clouds-public");
  const one = tableAt(found?.table ?? {}, "public_clouds")[name];
  if (isTable(one)) return one;
  const known = Object.hasOwn(VENDORS, name) ? VENDORS[name] : undefined;
  const hint = "set its values (auth_url, region_name …) in the cloud itself, or in clouds-public.yaml";
  const kept = known?.["profile"] ?? (URL.canParse(name) ? name : undefined);
  if (typeof kept === "string")
    throw new Failure(
      "config.value",
      `the profile ${JSON.stringify(name)} is at ${kept}; profiles at URLs are not read, as they decide where the password is sent`,
      {
        hint: `read ${new URL("/.well-known/openstack/api", kept)} once, and copy the profile into clouds-public.yaml or into the cloud itself`,
      },
    );
  if (known?.["status"] === "shutdown")
    throw new Failure("config.value", `the cloud of the profile ${JSON.stringify(name)} is gone: ${known["message"]}`);
  if (known !== undefined) return known;
  throw new Failure(
    "config.value",
    `unknown profile ${JSON.stringify(name)}: not in clouds-public.yaml, and none of openstacksdk's`,
    {
      hint,
    },
  );
}

const tableAt = (table: Table, key: string): Table => {
  const value = table[key];
  return isTable(value) ? value : {};
};

/** Keys are written with dashes as well; names of clouds are left as they are. */
function underscored(table: Table, depth = 0): Table {
  const inside = (value: unknown): unknown =>
    isTable(value) ? underscored(value, depth + 1) : Array.isArray(value) ? value.map(inside) : value;
  return Object.fromEntries(
    Object.entries(table).map(([key, value]) => [depth === 1 ? key : key.replaceAll("-", "_"), inside(value)]),
  );
}

/** Tables in tables are merged, everything else is taken from `over`. */
function merged(under: Table, over: Table): Table {
  const both = Object.entries(over).map(([key, value]) => {
    const before = under[key];
    return [key, isTable(before) && isTable(value) ? merged(before, value) : value] as const;
  });
  return { ...under, ...Object.fromEntries(both) };
}

/** `auth` beside the others, with what is said of the region over both. As in openstacksdk, `regions` wins over `region_name`. */
function flat(name: string, { auth, regions, ...rest }: Table, wanted: string | undefined) {
  const known = Array.isArray(regions) ? regions.map(regionIn) : [];
  const region = wanted === undefined ? known[0] : known.find((one) => one.name === wanted);
  if (known.length > 0 && region === undefined)
    throw new Failure("config.value", `the cloud ${name} has no region ${JSON.stringify(wanted)} in clouds.yaml`, {
      hint: `there is: ${known.map((one) => one.name).join(", ")}`,
    });
  const { auth: own, ...values } = region?.values ?? {};
  const all: Table = {
    ...rest,
    ...values,
    ...(region === undefined ? {} : { region_name: region.name }),
    ...(isTable(auth) ? auth : {}),
    ...(isTable(own) ? own : {}),
  };
  const place = { region_name: wanted ?? all["region_name"] };
  return Object.fromEntries(
    Object.entries({ ...all, ...placed(all["auth_url"], place) }).flatMap(([key, value]) =>
      typeof value === "string" || typeof value === "boolean" || typeof value === "number"
        ? [[key, typeof value === "number" ? String(value) : value]]
        : [],
    ),
  );
}

/** Where an address of a profile has the region in it. */
const placed = (url: unknown, { region_name: region }: Table): Table =>
  typeof url === "string" && typeof region === "string" ? { auth_url: url.replaceAll("{region_name}", region) } : {};

/** A region is written by its name, or as a table with `name` and `values`. */
const regionIn = (region: unknown): { readonly name: string; readonly values: Table } =>
  isTable(region)
    ? { name: String(region["name"] ?? ""), values: tableAt(region, "values") }
    : { name: String(region), values: {} };

export const truth = (text: string | boolean | undefined): boolean | undefined => {
  if (typeof text !== "string") return text;
  return /^(?:1|true|yes|on)$/i.test(text) ? true : /^(?:0|false|no|off)$/i.test(text) ? false : undefined;
};

/** A path as people write it in these files. */
export const pathOf = (text: string, { env, directory }: { env: Env; directory: string }): string =>
  resolve(directory, text.replace(/^~(?=\/|$)/, homeOf(env)));
