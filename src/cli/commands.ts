import { Command, type CommandClass } from "clipanion";
import type { Shell } from "./shell.ts";

/** The first words of the commands of each file, in the order of the documentation. A file is loaded when one of its commands is asked for. */
const FILES: readonly (readonly [words: readonly string[], load: () => Promise<object>])[] = [
  [["init"], () => import("./commands/init.ts")],
  [["validate"], () => import("./commands/validate.ts")],
  [["plan"], () => import("./commands/plan.ts")],
  [["apply", "destroy"], () => import("./commands/apply.ts")],
  [["show"], () => import("./commands/show.ts")],
  [["serve"], () => import("./commands/serve.ts")],
  [["graph"], () => import("./commands/graph.ts")],
  [["info"], () => import("./commands/info.ts")],
  [["import"], () => import("./commands/import.ts")],
  [["refresh"], () => import("./commands/refresh.ts")],
  [["import"], () => import("./commands/import-image-manager.ts")],
  [["import"], () => import("./commands/import-terraform.ts")],
  [["export"], () => import("./commands/export.ts")],
  [["verify"], () => import("./commands/verify.ts")],
  [["outdated"], () => import("./commands/outdated.ts")],
  [["log"], () => import("./commands/log.ts")],
  [["state"], () => import("./commands/state.ts")],
  [["state"], () => import("./commands/state-versions.ts")],
  [["unlock"], () => import("./commands/unlock.ts")],
  [["cache"], () => import("./commands/cache.ts")],
  [["schema"], () => import("./commands/schema.ts")],
  [["fmt"], () => import("./commands/fmt.ts")],
  [["completion", "__complete"], () => import("./commands/completion.ts")],
  [["plugins"], () => import("./commands/plugins.ts")],
  [["plugins"], () => import("./commands/plugins-new.ts")],
  [["plugins"], () => import("./commands/plugins-test.ts")],
  [["upgrade"], () => import("./commands/upgrade.ts")],
  [["version"], () => import("./commands/version.ts")],
];

/** The commands that begin with a word; without a word, or for one that no command begins with, all of them. */
export async function commandsOf(word = ""): Promise<readonly CommandClass<Shell>[]> {
  const found = FILES.filter(([words]) => words.includes(word));
  const modules = await Promise.all((found.length > 0 ? found : FILES).map(([, load]) => load()));
  return modules.flatMap((module) => Object.values(module)).filter(isCommand);
}

/** The types of clipanion's own optional statics do not know exactOptionalPropertyTypes. */
const isCommand = (value: unknown): value is CommandClass<Shell> =>
  typeof value === "function" && value.prototype instanceof Command && "paths" in value && value.paths !== undefined;
