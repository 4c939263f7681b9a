import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { readFiles } from "../../core/config/files.ts";
import { stateFor } from "../../core/config/keys.ts";
import { EMPTY, type Node, type TableNode } from "../../core/config/node.ts";
import { Problems } from "../../core/config/problems.ts";
import type { Candidate } from "./complete.ts";

/** What images.toml names, read without checking any of it: a file that is being written has errors. */
export interface Names {
  readonly backends: readonly Candidate[];
  readonly images: readonly Candidate[];
  readonly addresses: readonly Candidate[];
  readonly variables: readonly Candidate[];
  /** Addresses of the state. */
  readonly recorded: readonly Candidate[];
}

/** The names in a file and its state. Touches no backend; what cannot be read has no names. */
export async function namesIn(file: string, state: string | undefined): Promise<Names> {
  const root = await readFiles(file, new Problems()).catch(() => undefined);
  const backends = tablesIn(root, "backend");
  const images = tablesIn(root, "image");
  const only = backends.length === 1 ? backends.map(([name]) => name) : [];
  const addresses = images.flatMap(([name, table]) => backendsOf(table, only).map((backend) => `${backend}/${name}`));
  const settings = tableIn(root, "settings");
  const written = settings?.entries.get("state")?.value;
  const kept =
    state ?? (written?.kind === "text" ? resolve(dirname(file), written.value) : join(dirname(file), stateFor(file)));
  const recorded = await addressesIn(kept);
  return {
    backends: backends.map(([value, table]) => ({ value, ...described("plugin", table) })),
    images: images.map(([value]) => ({ value })),
    addresses: addresses.map((value) => ({ value })),
    variables: [...(tableIn(root, "vars")?.entries.keys() ?? [])].map((name) => ({ value: `${name}=` })),
    recorded: recorded.map((value) => ({ value })),
  };
}

function tableIn(root: TableNode | undefined, key: string): TableNode | undefined {
  const found = root?.entries.get(key)?.value;
  return found?.kind === "table" ? found : undefined;
}

const tablesIn = (root: TableNode | undefined, key: string): readonly [string, TableNode][] =>
  [...(tableIn(root, key)?.entries ?? EMPTY)].flatMap(([name, { value }]): [string, TableNode][] =>
    value.kind === "table" ? [[name, value]] : [],
  );

function described(key: string, { entries }: TableNode): { readonly description?: string } {
  const value = entries.get(key)?.value;
  return value?.kind === "text" ? { description: value.value } : {};
}

function backendsOf({ entries }: TableNode, only: readonly string[]): readonly string[] {
  const written: Node | undefined = entries.get("backend")?.value ?? entries.get("backends")?.value;
  if (written === undefined) return only;
  const nodes = written.kind === "list" ? written.items : [written];
  return nodes.flatMap((node) => (node.kind === "text" && !node.value.includes("${") ? [node.value] : []));
}

/** Only the keys are read: another version of the state has them as well. */
async function addressesIn(state: string): Promise<readonly string[]> {
  try {
    const document: unknown = JSON.parse(await readFile(state, "utf8"));
    if (typeof document !== "object" || document === null || !("images" in document)) return [];
    const { images } = document;
    return typeof images === "object" && images !== null ? Object.keys(images).sort() : [];
  } catch {
    return [];
  }
}
