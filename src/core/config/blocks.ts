import type { Import, Moved, Removed } from "../model/declaration.ts";
import { type Address, imageId, parseAddress } from "../model/name.ts";
import type { FilePosition } from "../model/position.ts";
import type { Schema } from "../model/schema.ts";
import { addressAt, type CheckContext, declaredAddress, hintFor } from "./context.ts";
import { checkTable } from "./faults.ts";
import { IMPORT, MOVED, REMOVED } from "./keys.ts";
import type { Node, TableNode } from "./node.ts";
import { elsewhere, type Problems } from "./problems.ts";

/** The addresses of all `[[import]]` that can be read, before anything else is known. Nothing is reported. */
export function importedAddresses(node: Node | undefined): ReadonlySet<Address> {
  const found = new Set<Address>();
  for (const item of node?.kind === "list" ? node.items : []) {
    const written = item.kind === "table" ? addressIn(item) : undefined;
    const address = written?.kind === "text" ? parseAddress(written.value) : undefined;
    if (address !== undefined) found.add(address);
  }
  return found;
}

const addressIn = ({ entries }: TableNode): Node | undefined =>
  (entries.get("address") ?? entries.get("to") ?? entries.get("from"))?.value;

export function checkImports(node: Node | undefined, context: CheckContext): Import[] {
  const first = new Map<Address, FilePosition>();
  return rows("import", node, IMPORT, context.problems).flatMap(({ table, value }): Import[] => {
    const written = addressIn(table);
    const address = written && declaredAddress(written, context, "import");
    if (address === undefined || once(address, table, first, "imported", context.problems)) return [];
    if (String(value.id) === "") {
      context.problems.error("config.value", "id is empty", { at: table.entries.get("id")?.value.at ?? table.at });
      return [];
    }
    return [{ address, id: imageId(String(value.id)), at: table.at }];
  });
}

export function checkRemoved(node: Node | undefined, context: CheckContext): Removed[] {
  const first = new Map<Address, FilePosition>();
  return rows("removed", node, REMOVED, context.problems).flatMap(({ table, value }): Removed[] => {
    const written = addressIn(table);
    const address = written && addressAt(written, context.problems, "removed");
    if (address === undefined || once(address, table, first, "removed", context.problems)) return [];
    if (context.declared.has(address)) {
      const hint = "remove its block from the file, or this one";
      context.problems.error("config.reference", `removed: ${address} is still declared`, { at: written?.at, hint });
      return [];
    }
    return [{ address, destroy: value.destroy, at: table.at }];
  });
}

/** `[[moved]]`, in the order of the file. A chain (a to b, b to c) is allowed; its last address has to be declared. */
export function checkMoved(node: Node | undefined, context: CheckContext): Moved[] {
  const { problems, declared } = context;
  const from = new Map<Address, FilePosition>();
  const to = new Map<Address, FilePosition>();
  const found = rows("moved", node, MOVED, problems).flatMap(
    ({ table }): (Moved & { readonly toAt: FilePosition })[] => {
      const [source, target] = [table.entries.get("from")?.value, table.entries.get("to")?.value];
      if (source === undefined || target === undefined) return [];
      const a = addressAt(source, problems, "moved");
      const b = addressAt(target, problems, "moved");
      if (a === undefined || b === undefined) return [];
      if (declared.has(a)) {
        const hint = "declare a moved image under its new address only";
        problems.error("config.reference", `moved: ${a} is still declared`, { at: source.at, hint });
        return [];
      }
      if (once(a, table, from, "moved", problems) || once(b, table, to, "moved to", problems)) return [];
      return [{ from: a, to: b, at: table.at, toAt: target.at }];
    },
  );
  for (const move of found) {
    if (declared.has(move.to)) continue;
    if (!from.has(move.to)) {
      const hint = hintFor(move.to, declared, "no image is declared");
      problems.error("config.reference", `moved: there is no image ${move.to}`, { at: move.toAt, hint });
    } else if (circle(move, found))
      problems.error("config.cycle", `moved: ${move.from} leads back to itself`, { at: move.at });
  }
  return found.map(({ toAt: _, ...move }) => move);
}

function circle(start: Moved, all: readonly Moved[]): boolean {
  const next = new Map(all.map((move) => [move.from, move.to]));
  let at: Address | undefined = start.to;
  for (let steps = 0; at !== undefined && steps <= all.length; steps++) {
    if (at === start.from) return true;
    at = next.get(at);
  }
  return false;
}

/** True, and reported, when there is an earlier block for the same address. */
function once(
  address: Address,
  { at }: TableNode,
  first: Map<Address, FilePosition>,
  what: string,
  problems: Problems,
): boolean {
  const before = first.get(address);
  if (before === undefined) first.set(address, at);
  else
    problems.error("config.duplicate", `${address} is ${what} more than once`, {
      at,
      hint: `first in ${elsewhere(before, at)}`,
    });
  return before !== undefined;
}

/** The tables of a list of tables that have no fault. */
export function rows<S extends Schema>(name: string, node: Node | undefined, schema: S, problems: Problems) {
  if (node === undefined || node.kind === "broken") return [];
  if (node.kind !== "list") {
    problems.error("config.value", `${name} is a list of tables: [[${name}]]`, { at: node.at });
    return [];
  }
  return node.items.flatMap((item) => {
    const value = checkTable(schema, item, { problems, about: ` ([[${name}]])` });
    return item.kind === "table" && value !== undefined ? [{ table: item, value }] : [];
  });
}
