import { Failure } from "../core/failure.ts";
import type { Plugin } from "../core/plugin.ts";
import type { Starter, StarterSetting } from "../core/starter.ts";

/** Public, small enough to try with, and with checksums beside it. */
const DEBIAN = "https://cloud.debian.org/images/cloud/bookworm/latest";
const SOURCE = `source = { url = "${DEBIAN}/debian-12-genericcloud-amd64.qcow2", checksum = "sha512:${DEBIAN}/SHA512SUMS" }`;

/** What a first images.toml is made of. */
interface FirstFile {
  /** `[settings] name`. */
  readonly name: string;
  /** Where the state is, if not beside the file. */
  readonly state: string | undefined;
  readonly plugin: Plugin;
  readonly settings: Readonly<Record<string, string>>;
}

/** What a plugin that says nothing about it begins with: its required settings. */
export const starterOf = (plugin: Plugin): Starter =>
  plugin.starter ?? {
    backend: plugin.name,
    settings: Object.entries(plugin.config)
      .filter(([, setting]) => setting.mode === "required")
      .map(([name, setting]): StarterSetting => ({ name, question: setting.doc })),
  };

/** The settings to write: those that were given, and the defaults of the others. @throws Failure cli.usage for one that is not known */
export function settingsOf(plugin: Plugin, given: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const known = Object.keys(plugin.config);
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new Failure("cli.usage", `the plugin ${plugin.name} has no setting ${JSON.stringify(unknown)}`, {
      hint: `it has: ${known.join(", ")}`,
    });
  const defaults = starterOf(plugin).settings.flatMap(({ name, default: value }) =>
    value === undefined ? [] : [[name, value] as const],
  );
  const all = Object.entries({ ...Object.fromEntries(defaults), ...given });
  return Object.fromEntries(all.filter(([, value]) => value !== ""));
}

/** The text of a first images.toml, in the layout of `images fmt`. */
export function firstFile({ name, state, plugin, settings }: FirstFile): string {
  const { backend, more, image = "debian", origin = SOURCE, attributes } = starterOf(plugin);
  const own = Object.entries(settings).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
  const usual = (more?.split("\n") ?? []).filter((line) => !Object.hasOwn(settings, line.split(" =")[0] ?? ""));
  const blocks = [
    ["# Machine images as they should be. `images plan` shows the changes, `images apply` makes them."],
    [
      "[settings]",
      `name = "${name}" # written into the ownership markers; keep it`,
      ...(state === undefined ? [] : [`state = ${JSON.stringify(state)}`]),
    ],
    [`[backend.${backend}]`, `plugin = "${plugin.name}"`, ...own, ...usual],
    [`[image.${image}]`, `backend = "${backend}"`, origin, ...(attributes === undefined ? [] : [attributes])],
  ];
  return `${blocks.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}
