import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { Failure } from "../../core/failure.ts";
import type { Plugin } from "../../core/plugin.ts";
import { rowsOf } from "../../core/store/changes.ts";
import { builtIn } from "../plugins.ts";
import type { Session } from "../session.ts";
import { type Adoption, type Draft, type DraftedBlock, draft, type Existing, knownKey, NOTHING } from "./draft.ts";
import { type MappedInstance, mapInstance } from "./mapping.ts";
import { ACCESS, withMembers } from "./openstack.ts";
import { LAUNCH, withPermissions } from "./outscale.ts";
import { readStates, type StateFile } from "./state-files.ts";
import { blocksText, type TomlBlock } from "./toml.ts";

interface TerraformRequest {
  /** The state, or a directory with one. */
  readonly path: string;
  /** images.toml, which need not be there. */
  readonly file: string;
  readonly backends: readonly string[];
}

export interface Prepared extends Draft {
  /** What is not looked at any further, and why. */
  readonly passed: readonly string[];
}

/** What a state comes to beside what is in the file already. `open` opens the file as it is. @throws Failure cli.*, config.*, state.* */
export async function prepare(request: TerraformRequest, open: () => Promise<Session>): Promise<Prepared> {
  const states = await readStates(request.path);
  const existing = existsSync(request.file) ? await existingIn(open) : NOTHING;
  const unknown = request.backends.find((name) => !existing.backends.some((one) => one.name === name));
  if (unknown !== undefined)
    throw new Failure("plan.backend", `there is no backend ${unknown} in ${request.file}`, {
      hint: `declared: ${existing.backends.map(({ name }) => name).join(", ") || "none"}`,
    });
  const { taken, passed } = sorted(states);
  const plugins = new Map((await builtIn()).map((plugin): [string, Plugin] => [plugin.name, plugin]));
  const wishes = { directory: dirname(resolve(request.file)), backends: request.backends };
  return { ...draft(taken, existing, plugins, wishes), passed };
}

/** What images.toml and its state have. */
export async function existingIn(open: () => Promise<Session>): Promise<Existing> {
  await using session = await open();
  const { state } = await session.store();
  const { backends, resources } = session.config;
  return {
    backends,
    addresses: new Set(resources.map(({ address }) => address)),
    known: new Map(
      rowsOf(state.images).flatMap(([address, { backend, id }]) =>
        id === undefined ? [] : [[knownKey(backend, id), address] as const],
      ),
    ),
  };
}

/** Images that can be taken, and what else there is, in words. */
function sorted(states: readonly StateFile[]): {
  readonly taken: readonly DraftedBlock[];
  readonly passed: readonly string[];
} {
  const taken: DraftedBlock[] = [];
  const passed: string[] = [];
  const others = new Map<string, number>();
  const isAccess = ({ mode, type }: StateFile["instances"][number]) =>
    mode === "managed" && (type === ACCESS || type === LAUNCH);
  const shares = states.flatMap(({ instances }) => instances.filter(isAccess));
  const sharesOf = (wanted: string) => shares.flatMap(({ type, attributes }) => (type === wanted ? [attributes] : []));
  const images = new Set(
    states.flatMap(({ instances }) => instances.flatMap((instance) => mapInstance(instance)?.id ?? [])),
  );
  const shared = (found: MappedInstance) =>
    withPermissions({ ...found, attributes: withMembers(found, sharesOf(ACCESS)) }, sharesOf(LAUNCH));
  for (const { directory, instances } of states)
    for (const instance of instances) {
      if (isAccess(instance) && images.has(String(instance.attributes["image_id"]))) continue;
      const { address, broken, mode, type } = instance;
      const found = mapInstance(instance);
      const what = mode === "data" ? `data.${type}` : type;
      if (found === undefined) others.set(what, (others.get(what) ?? 0) + 1);
      else if (broken !== undefined) passed.push(`${address} is ${broken}: skipped`);
      else if (found.id === undefined) passed.push(`${address} has no id: it was never created`);
      else taken.push({ ...found, attributes: shared(found), directory });
    }
  const rest = [...others].map(([what, count]) => (count === 1 ? what : `${count} ${what}`));
  const count = [...others.values()].reduce((sum, one) => sum + one, 0);
  if (count > 0) passed.push(`skipped, ${count === 1 ? "not an image" : "not images"}: ${rest.join(", ")}`);
  return { taken, passed };
}

/** What is written behind the file: nothing where all already exists. */
export function addition(backends: readonly TomlBlock[], images: readonly Pick<Adoption, "block">[]): string {
  const written = images.flatMap(({ block }) => block ?? []);
  const used = new Set(written.map(({ values }) => values["backend"]));
  const blocks = [...backends.filter(({ header }) => used.has(header.slice("backend.".length))), ...written];
  return blocks.length === 0 ? "" : blocksText(blocks);
}

/** The file as it is, and as it is going to be; one without settings gets some, with this name. */
export async function extended(file: string, added: string, name: string): Promise<string> {
  const before = existsSync(file) ? await readFile(file, "utf8") : "";
  if (added === "") return before;
  const settings = /^\s*\[settings\]/m.test(before) ? "" : `[settings]\nname = "${name}"\n\n`;
  if (before.trim() === "") return `${before}${settings}${added}`;
  return `${before}${before.endsWith("\n") ? "" : "\n"}\n${settings}${added}`;
}
