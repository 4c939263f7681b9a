import type { FilePosition } from "../model/position.ts";
import type { Checksum } from "../model/source.ts";
import { type ReadChecksum, readChecksum, readHash, readSums } from "./checksum.ts";
import type { CheckContext } from "./context.ts";
import { reportLiteral } from "./faults.ts";
import type { Node, TableNode, TextNode } from "./node.ts";

/** Tells an error in a source, with its place; nothing comes of the source then. */
export type ReportError = (at: FilePosition, message: string, hint?: string) => void;
/** A URL as it is, or a path made absolute, or the URLs beside each mirror; undefined, and reported, where it is none of them. */
type Placing = (node: TextNode, label: string) => readonly string[] | undefined;

/** Names of headers that carry a secret. */
const SECRET = /auth|token|secret|cookie|api-?key|password|signature|credential/i;

/** Headers that carry a secret are references; the others may be. */
export function headersOf(
  node: Node | undefined,
  tell: ReportError,
  context: CheckContext,
): Record<string, string> | undefined {
  if (node?.kind !== "table") return undefined;
  const headers: Record<string, string> = {};
  for (const [name, { value, key }] of node.entries) {
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) tell(key, `${JSON.stringify(name)} cannot be a header`);
    if (value.kind !== "text") continue;
    if (SECRET.test(name) && reportLiteral(name, value, context)) continue;
    if (/[\r\n\0]/.test(value.value)) tell(value.at, `${name} contains a line break`);
    else headers[name] = value.value;
  }
  return headers;
}

/** Whom the credentials are for: `mirror.example.org`, `mirror.example.org:8443`. */
export function hostsOf(node: Node | undefined, tell: ReportError): string[] | undefined {
  if (node?.kind !== "list") return undefined;
  return node.items.flatMap((item) => {
    if (item.kind !== "text") return [];
    if (isHost(item.value)) return [item.value.toLowerCase()];
    const hint = 'as in hosts = ["mirror.example.org", "mirror.example.org:8443"]';
    tell(item.at, "source.hosts: expected HOST or HOST:PORT", hint);
    return [];
  });
}

const isHost = (text: string): boolean =>
  /^(?:[\w.-]+|\[[0-9a-f:.]+\])(?::\d+)?$/i.test(text) && URL.canParse(`https://${text}`);

/** `checksum = "…"`, `checksum = { sums = "…", name = "…" }`, `checksum = { sums = ["…", "…"] }`, `file_hash = "…"`. */
export function checksumOf(
  found: { readonly value: Node; readonly label: string } | undefined,
  tell: ReportError,
  place: Placing,
): Checksum | undefined {
  if (found === undefined) return undefined;
  const { value, label } = found;
  if (value.kind === "table") return entryOf(value, label, tell, place);
  if (value.kind !== "text") return undefined;
  if (label !== "file_hash") return checked(readChecksum(value.value), value, label, tell, place);
  const read = checked(readHash(value.value), value, label, tell, place);
  return read?.kind === "digest" ? { ...read, label } : undefined;
}

function entryOf({ entries }: TableNode, label: string, tell: ReportError, place: Placing): Checksum | undefined {
  const sums = entries.get("sums")?.value;
  const name = entries.get("name")?.value;
  if (sums?.kind === "list" && sums.items.length === 0) tell(sums.at, `${label}.sums is empty`);
  const nodes = textsIn(sums);
  const all = nodes.map((node) => checked(readSums(node.value), node, `${label}.sums`, tell, place));
  const [first] = all;
  if (first?.kind !== "sums") return undefined;
  const elsewhere: string[] = [...(first.elsewhere ?? [])];
  for (const [i, one] of all.entries()) {
    if (one?.kind !== "sums") return undefined;
    if (one.algorithm !== first.algorithm) {
      const at = nodes[i]?.at;
      if (at !== undefined) tell(at, `${label}.sums: all sums files need the same algorithm`);
      return undefined;
    }
    if (i > 0) elsewhere.push(one.where, ...(one.elsewhere ?? []));
  }
  const { elsewhere: _, ...rest } = first;
  return {
    ...rest,
    ...(elsewhere.length === 0 ? {} : { elsewhere }),
    ...(name?.kind === "text" ? { name: name.value } : {}),
  };
}

/** The texts of a text or of a list of them. */
export const textsIn = (node: Node | undefined): readonly TextNode[] =>
  (node?.kind === "list" ? node.items : [node]).flatMap((one) => (one?.kind === "text" ? [one] : []));

function checked(
  read: ReadChecksum,
  node: TextNode,
  label: string,
  tell: ReportError,
  place: Placing,
): Checksum | undefined {
  if (read.kind === "digest") return read;
  if (read.kind === "wrong") {
    tell(node.at, `${label}: ${read.message}`, read.hint);
    return undefined;
  }
  const [where, ...elsewhere] = place({ ...node, value: read.where }, label) ?? [];
  return where === undefined ? undefined : { ...read, where, ...(elsewhere.length === 0 ? {} : { elsewhere }) };
}
