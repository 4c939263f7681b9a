import { existsSync } from "node:fs";
import { Failure } from "../../core/failure.ts";
import { address, backendName, imageName } from "../../core/model/name.ts";
import { plain } from "../../core/plugin.ts";
import { plural } from "../render/format.ts";
import type { Session } from "../session.ts";
import type { Adoption } from "../terraform/draft.ts";
import { type Existing, knownKey, NOTHING } from "../terraform/draft.ts";
import { imageNames } from "../terraform/names.ts";
import { addition, existingIn } from "../terraform/run.ts";
import { keyText, type TomlBlock } from "../terraform/toml.ts";
import type { DefinitionFile } from "./definition.ts";
import { type DraftedImage, draftImages, type LiveVersion } from "./draft.ts";

interface Wish {
  readonly backend: string | undefined;
  /** The cloud of clouds.yaml, where a backend has to be written. */
  readonly cloud: string;
  readonly tag: string;
  readonly directory: string;
}

interface Target {
  readonly name: string;
  /** Its block; undefined: the file has it. */
  readonly fresh: TomlBlock | undefined;
}

const PLUGINS = new Set(["openstack", "vkcs"]);

/** What images.toml has, if it is there. */
export const existing = (file: string, open: () => Promise<Session>): Promise<Existing> =>
  existsSync(file) ? existingIn(open) : Promise.resolve(NOTHING);

/** The backend that the images are on. @throws Failure plan.backend, cli.usage */
export function targetOf({ backends }: Existing, { backend, cloud }: Wish): Target {
  const own = backends.filter(({ plugin }) => PLUGINS.has(plugin));
  if (backend !== undefined) {
    if (own.some(({ name }) => name === backend)) return { name: backend, fresh: undefined };
    const hint = `declared: ${own.map(({ name }) => name).join(", ") || "none"}`;
    throw new Failure("plan.backend", `there is no OpenStack or VK Cloud backend ${backend}`, { hint });
  }
  const [only, other] = own;
  if (other !== undefined && only !== undefined)
    throw new Failure(
      "cli.usage",
      `there is more than one OpenStack backend: ${own.map(({ name }) => name).join(", ")}`,
      {
        hint: `choose one: --backend ${only.name}`,
      },
    );
  if (only !== undefined) return { name: only.name, fresh: undefined };
  const values = { plugin: "openstack", cloud };
  return { name: "openstack", fresh: { header: "backend.openstack", comments: [], values } };
}

/** The images of the project, as the backend lists them. */
export async function liveOn(session: Session, backend: string, signal: AbortSignal): Promise<readonly LiveVersion[]> {
  const found: LiveVersion[] = [];
  // An image that is not there yet is looked for among the hidden ones as well, and only in the project.
  const any = address(backendName(backend), imageName("any"));
  const opened = await session.backend(backendName(backend));
  for await (const image of opened.list({ signal, note: () => undefined }, [{ address: any }])) {
    const attributes = plain(image.attributes);
    const created = attributes["created_at"];
    found.push({
      id: image.id,
      name: image.name ?? "",
      created: typeof created === "string" ? created : new Date(0).toISOString(),
      attributes,
    });
  }
  return found;
}

export interface PreparedImages {
  readonly text: string;
  readonly images: readonly (Adoption & Pick<DraftedImage, "older">)[];
  readonly notes: readonly string[];
}

/** Blocks for the definitions, and which images are adopted by them. What the file has stays as it is. Pure. */
export function prepare(
  files: readonly DefinitionFile[],
  { name: backend, fresh }: Target,
  before: Existing,
  options: Wish & { readonly live: readonly LiveVersion[] },
): PreparedImages {
  const all = files.flatMap(({ images }) => images);
  const off = all.filter(({ enable }) => enable === false).length;
  const notes = off === 0 ? [] : [`skipped ${plural(off, "definition")} with enable: false`];
  const drafts = all.filter(({ enable }) => enable !== false).flatMap((one) => draftImages(one, options));
  const names = imageNames(
    drafts.map(({ name }) => ({ path: [name], backend })),
    before.addresses,
  );
  const images = drafts.flatMap(({ from, values, live, older, notes: own }, i) => {
    const name = names[i] ?? "";
    const at = address(backendName(backend), imageName(name));
    const known = live === undefined ? undefined : before.known.get(knownKey(backend, live.id));
    if (known !== undefined || before.addresses.has(at)) {
      notes.push(`${from}: already managed as ${known ?? at}`);
      return [];
    }
    notes.push(...own.map((text) => `${from}: ${text}`));
    const block: TomlBlock = { header: `image.${keyText(name)}`, comments: [from], values: { backend, ...values } };
    return [{ address: at, id: live?.id, from, block, older }];
  });
  const text = addition(fresh === undefined ? [] : [fresh], images);
  return { text, images: images.flatMap(({ id, ...one }) => (id === undefined ? [] : [{ ...one, id }])), notes };
}
