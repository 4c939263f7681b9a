import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as t from "typanion";
import { parse, type Tags } from "yaml";
import { Failure } from "../../core/failure.ts";

// The YAML files in which openstack-image-manager has its images.

const rest = { extra: t.isUnknown() };
const isWord = t.isOneOf([t.isString(), t.isNumber(), t.isBoolean(), t.isInstanceOf(Date)]);
const isWords = t.isRecord(t.isNullable(isWord));
const isText = t.isOptional(t.isString());
const isCount = t.isOptional(t.isNumber());

const isVersion = t.isObject(
  {
    version: isWord,
    url: t.isString(),
    mirror_url: isText,
    checksum: isText,
    checksums_url: isText,
    checksum_url: isText,
    build_date: t.isOptional(isWord),
    os_version: t.isOptional(isWord),
    visibility: isText,
    hidden: t.isOptional(t.isBoolean()),
    meta: t.isOptional(isWords),
    id: isText,
  },
  rest,
);

const isImage = t.isObject(
  {
    name: t.isString(),
    enable: t.isOptional(t.isBoolean()),
    shortname: isText,
    separator: isText,
    format: t.isString(),
    login: t.isString(),
    min_disk: isCount,
    min_ram: isCount,
    multi: t.isOptional(t.isBoolean()),
    status: isText,
    visibility: t.isString(),
    tags: t.isOptional(t.isArray(t.isString())),
    meta: isWords,
    versions: t.isArray(isVersion),
  },
  rest,
);

export type Definition = t.InferType<typeof isImage>;
export type DefinedVersion = Definition["versions"][number];
type Words = t.InferType<typeof isWords>;

export interface DefinitionFile {
  readonly path: string;
  readonly directory: string;
  readonly images: readonly Definition[];
}

/** The definitions in files, and in the *.yml and *.yaml of directories. @throws Failure cli.import, with the file and the place in it */
export async function readDefinitions(paths: readonly string[]): Promise<readonly DefinitionFile[]> {
  const files = (await Promise.all(paths.map(filesAt))).flat();
  return await Promise.all(
    files.map(async (path) => {
      const text = await readFile(path, "utf8").catch((cause: unknown) => {
        throw new Failure("cli.import", `${path} cannot be read`, { cause });
      });
      return { path, directory: dirname(path), images: definitionsIn(text, path) };
    }),
  );
}

async function filesAt(path: string): Promise<readonly string[]> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new Failure("cli.import", `there is no ${path}`, {
      cause,
      hint: "pass a YAML file, or a directory with *.yml",
    });
  });
  if (!found.isDirectory()) return [path];
  const names = (await readdir(path)).filter((name) => /\.ya?ml$/.test(name)).sort();
  if (names.length === 0)
    throw new Failure("cli.import", `there is no *.yml in ${path}`, {
      hint: "pass the directory with the image definitions",
    });
  return names.map((name) => join(path, name));
}

/** A number with a point as Python writes it: 8.0 and 22.10 are 8.0 and 22.1. */
const floats = (tags: Tags): Tags =>
  tags.map((tag) =>
    typeof tag === "object" && "resolve" in tag && tag.tag === FLOAT && tag.collection === undefined
      ? { ...tag, identify: () => false, resolve: (text: string) => python(Number(text.replaceAll("_", ""))) }
      : tag,
  );
const FLOAT = "tag:yaml.org,2002:float";
const python = (value: number): string => (Number.isInteger(value) ? `${value}.0` : String(value));

/** Read as openstack-image-manager does, with YAML 1.1: `yes` is a boolean there, and a date is a date. */
function definitionsIn(text: string, path: string): readonly Definition[] {
  let document: unknown;
  try {
    document = parse(text, { version: "1.1", customTags: floats, logLevel: "error" });
  } catch (cause) {
    throw new Failure("cli.import", `${path} is not valid YAML`, { cause });
  }
  const errors: string[] = [];
  const isDocument = t.isObject({ images: t.isArray(isImage) }, rest);
  if (isDocument(document, { errors })) return document.images;
  throw new Failure(
    "cli.import",
    `${path} is not an image definition of openstack-image-manager: ${errors[0] ?? "no images"}`,
    {
      hint: "expected a list `images`, each with name, format, login, visibility, meta and versions",
    },
  );
}

/** A value as openstack-image-manager writes it into a property: what Python's str() gives. */
export function wordOf(value: Words[string]): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (value instanceof Date) return value.toISOString().slice(0, 10);
  return String(value);
}
