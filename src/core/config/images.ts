import type { Resource } from "../model/declaration.ts";
import { type Address, address, imageName, isName, NAME_RULE } from "../model/name.ts";
import { nearest } from "../model/nearest.ts";
import type { Plugin } from "../plugin.ts";
import { type CheckContext, hintFor, type KnownBackend } from "./context.ts";
import { IMAGE } from "./keys.ts";
import { both, checkIgnored, commonIn } from "./lifecycle.ts";
import { EMPTY, type Node, type TableNode } from "./node.ts";
import type { Problems } from "./problems.ts";
import { checkResource, PLACES, PLACING, reportUnknown, sameResource, takes } from "./resource.ts";

/** One `[image.NAME]` with the backends that it is on, as far as they are known. */
interface PlacedImage {
  readonly name: string;
  readonly node: TableNode;
  readonly backends: readonly KnownBackend[];
  /** `[image.X.on.B]`, by B. */
  readonly on: ReadonlyMap<string, TableNode>;
  /** False: it names a backend that is none, so that not all of its attributes can be known. */
  readonly complete: boolean;
}

/** Which image is on which backend. Names that are wrong are reported. */
export function placeImages(
  table: TableNode | undefined,
  backends: ReadonlyMap<string, KnownBackend>,
  problems: Problems,
): PlacedImage[] {
  let isReported = false;
  return [...(table?.entries ?? EMPTY)].flatMap(([name, { key, value: node }]): PlacedImage[] => {
    if (!isName(name)) {
      problems.error("config.name", `${JSON.stringify(name)} cannot be an image: a name is ${NAME_RULE}`, { at: key });
      return [];
    }
    if (node.kind !== "table") {
      if (node.kind !== "broken") problems.error("config.value", `image.${name}: expected a table`, { at: node.at });
      return [];
    }
    const written = namesIn(node, problems);
    if (written === undefined) {
      if (backends.size === 0 && isReported) return [];
      isReported = backends.size === 0;
    }
    return [placeImage(name, node, written, backends, problems)];
  });
}

function placeImage(
  name: string,
  node: TableNode,
  written: readonly Node[] | undefined,
  backends: ReadonlyMap<string, KnownBackend>,
  problems: Problems,
): PlacedImage {
  const [only, ...more] = backends.values();
  if (written === undefined && only !== undefined && more.length === 0)
    return { name, node, backends: [only], on: onIn(name, node, backends, backends, problems), complete: true };
  const found = new Map<string, KnownBackend>();
  const guessed = new Map<string, KnownBackend>();
  let complete = true;
  for (const item of written ?? []) {
    if (item.kind !== "text") {
      complete = false;
      if (item.kind !== "broken") problems.error("config.value", "expected the name of a backend", { at: item.at });
      continue;
    }
    const backend = backends.get(item.value);
    if (backend === undefined) {
      const hint = hintFor(item.value, backends.keys(), "there is no [backend.NAME] yet");
      problems.error("config.reference", `there is no backend ${JSON.stringify(item.value)}`, { at: item.at, hint });
      const meant = backendMeant(item.value, node, backends);
      if (meant === undefined) complete = false;
      else if (!found.has(meant.name)) guessed.set(meant.name, meant);
    } else if (found.has(item.value))
      problems.error("config.duplicate", `${item.value} is listed more than once`, { at: item.at });
    else found.set(item.value, backend);
  }
  if (written === undefined) {
    complete = false;
    tellNowhere(name, node, backends, problems);
  }
  const all = new Map([...guessed, ...found]);
  const on = onIn(name, node, all, backends, problems);
  return { name, node, backends: [...all.values()], on, complete };
}

/** What a name that is none most likely means, so that the rest of an image can be checked: the nearest backend, or the one that takes most of its keys. */
function backendMeant(
  name: string,
  { entries }: TableNode,
  backends: ReadonlyMap<string, KnownBackend>,
): KnownBackend | undefined {
  const near = nearest(name, [...backends.keys()]);
  if (near !== undefined) return backends.get(near);
  const own = [...entries.keys()].filter((key) => !PLACING.has(key) && !Object.hasOwn(IMAGE, key));
  const fits = [...backends.values()]
    .map((backend) => ({ backend, score: own.filter((key) => backend.plugin && takes(backend.plugin, key)).length }))
    .sort((a, b) => b.score - a.score);
  const [best, next] = fits;
  return next === undefined || (best?.score ?? 0) > next.score ? best?.backend : undefined;
}

function tellNowhere(
  name: string,
  node: TableNode,
  backends: ReadonlyMap<string, KnownBackend>,
  problems: Problems,
): void {
  const [first] = backends.keys();
  const hint =
    first === undefined
      ? 'declare one: [backend.store] with plugin = "local" and path = "./store"'
      : `write backend = "${first}"; backends: ${[...backends.keys()].slice(0, 12).join(", ")}`;
  problems.error("config.required", `image ${name} has no backend`, { at: node.at, hint });
}

/** What is written as `backend` or `backends`; undefined when neither is. */
function namesIn({ entries }: TableNode, problems: Problems): readonly Node[] | undefined {
  const one = entries.get("backend");
  const many = entries.get("backends");
  if (one !== undefined && many !== undefined)
    problems.error("config.value", "backend and backends mean the same: write one of them", {
      at: one.key.line > many.key.line ? one.key : many.key,
    });
  if (many !== undefined) {
    const { value } = many;
    if (value.kind !== "list") return [value];
    if (value.items.length === 0)
      problems.error("config.value", "backends is empty", {
        at: value.at,
        hint: "enabled = false leaves an image as it is",
      });
    return value.items;
  }
  if (one?.value.kind === "list") {
    problems.error("config.value", "backend is one name", {
      at: one.value.at,
      hint: 'several go into backends = ["…", "…"]',
    });
    return [{ kind: "broken", at: one.value.at }];
  }
  return one && [one.value];
}

const NOWHERE: ReadonlyMap<string, TableNode> = new Map();

function onIn(
  name: string,
  node: TableNode,
  own: ReadonlyMap<string, KnownBackend>,
  backends: ReadonlyMap<string, KnownBackend>,
  problems: Problems,
): ReadonlyMap<string, TableNode> {
  const on = node.entries.get("on")?.value;
  if (on === undefined || on.kind === "broken") return NOWHERE;
  const found = new Map<string, TableNode>();
  if (on.kind !== "table") {
    problems.error("config.value", `on is a table: [image.${name}.on.BACKEND]`, { at: on.at });
    return found;
  }
  for (const [backend, { key, value }] of on.entries) {
    if (!backends.has(backend)) {
      const hint = hintFor(backend, backends.keys(), "there is no [backend.NAME] yet");
      problems.error("config.reference", `there is no backend ${JSON.stringify(backend)}`, { at: key, hint });
    } else if (!own.has(backend)) {
      const hint = `add ${JSON.stringify(backend)} to its backends`;
      problems.error("config.reference", `image ${name} is not on ${backend}`, { at: key, hint });
    } else if (value.kind === "table") found.set(backend, value);
    else if (value.kind !== "broken") problems.error("config.value", "expected a table", { at: value.at });
  }
  return found;
}

export const addressesOf = ({ name, backends }: PlacedImage): Address[] =>
  backends.map((backend) => address(backend.name, imageName(name)));

/** One image on all of its backends. */
export function checkImage({ name, node, backends, on, complete }: PlacedImage, context: CheckContext): Resource[] {
  const plugins = backends.flatMap(({ plugin }) => plugin ?? []);
  const whole = complete && plugins.length === backends.length;
  const common = commonIn(node, context);
  let slipped = false;
  if (whole) {
    slipped = reportUnknown(node.entries, plugins, context, PLACES);
    checkIgnored(node.entries.get("ignore_changes"), plugins, context.problems);
  } else if (backends.length === 0) {
    // On none of the backends that there are would this key be one.
    const all = [...context.backends.values()].map(({ plugin }) => plugin);
    const some = all.filter((plugin) => plugin !== undefined);
    if (all.length > 0 && some.length === all.length) reportUnknown(node.entries, some, context, PLACES);
  }
  const several = plugins.some(({ name: one }) => one !== plugins[0]?.name);
  const sound = new Map<Plugin, Resource>();
  return backends.flatMap((backend): Resource[] => {
    const { plugin } = backend;
    const own = on.get(backend.name);
    const ownCommon = own && commonIn(own, context);
    if (plugin === undefined) return [];
    const like = own === undefined ? sound.get(plugin) : undefined;
    const same = like && sameResource(like, backend, plugin, context);
    if (same !== undefined) return [same];
    const before = context.problems.reported;
    const ownSlipped = own !== undefined && checkOwn(own, plugin, context);
    const about = several ? ` (${plugin.name})` : "";
    const resource = checkResource(
      {
        image: imageName(name),
        backend,
        node,
        on: own,
        common: ownCommon === undefined ? common : both(common, ownCommon),
        about,
        slipped: slipped || ownSlipped,
      },
      plugin,
      context,
    );
    if (resource === undefined) return [];
    if (own === undefined && context.problems.reported === before) sound.set(plugin, resource);
    return [resource];
  });
}

/** True when there is an unknown key. */
function checkOwn({ entries }: TableNode, plugin: Plugin, context: CheckContext): boolean {
  for (const [key, { key: at }] of entries) {
    if (PLACING.has(key) && !takes(plugin, key))
      context.problems.error("config.key", `${key} belongs to the image, not to one backend`, { at });
  }
  checkIgnored(entries.get("ignore_changes"), [plugin], context.problems);
  return reportUnknown(new Map([...entries].filter(([key]) => !PLACING.has(key))), [plugin], context, []);
}
