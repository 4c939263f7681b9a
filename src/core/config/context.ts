import { resolve } from "node:path";
import type { BackendDeclaration, Policy } from "../model/declaration.ts";
import { type Address, type BackendName, parseAddress } from "../model/name.ts";
import { nearest } from "../model/nearest.ts";
import type { FilePosition } from "../model/position.ts";
import type { Plugin } from "../plugin.ts";
import type { Node } from "./node.ts";
import type { Problems } from "./problems.ts";

/** A `[backend.NAME]` that has a right name. Without a plugin, and without a declaration, where something else is wrong with it. */
export interface KnownBackend {
  readonly name: BackendName;
  readonly plugin: Plugin | undefined;
  readonly declaration: BackendDeclaration | undefined;
  /** Where its table is, and whether `mark = false` is in it. */
  readonly at?: FilePosition;
  readonly isUnmarked?: boolean;
}

/** What the parts of the check share. */
export interface CheckContext {
  readonly problems: Problems;
  /** The directory that relative paths start from, and what `~` means. */
  readonly directory: string;
  readonly home: string;
  readonly policy: Policy;
  readonly backends: ReadonlyMap<string, KnownBackend>;
  /** Every address that the file declares, also where something is wrong with it. */
  readonly declared: ReadonlySet<Address>;
  /** Addresses with an `[[import]]`. */
  readonly imported: ReadonlySet<Address>;
  /** Whether there is a file or directory at an absolute path. */
  readonly exists: (path: string) => boolean;
  readonly maskSecret: ((secret: string) => void) | undefined;
}

/** A path of the file as an absolute one. */
export const absolute = ({ directory, home }: Pick<CheckContext, "directory" | "home">, path: string): string =>
  resolve(directory, path.replace(/^~(?=\/|$)/, home));

export const isUrl = (text: string): boolean => /^[a-z][a-z0-9+.-]*:\/\//i.test(text);

/** The hint for a name that is none of `right`: the nearest, else what there is. */
export function hintFor(name: string, right: Iterable<string>, none: string): string {
  const names = [...right];
  const near = nearest(name, names);
  if (near !== undefined) return `did you mean ${near}?`;
  if (names.length === 0) return none;
  return names.length > 12 ? `none of the ${names.length} names is similar` : `there is: ${names.join(", ")}`;
}

/** The declared address that a node names; undefined, and reported, when it is none. */
export function declaredAddress(node: Node, { declared, problems }: CheckContext, what: string): Address | undefined {
  const found = addressAt(node, problems, what);
  if (found === undefined || declared.has(found)) return found;
  const hint = hintFor(found, declared, "no image is declared");
  problems.error("config.reference", `${what}: there is no image ${found}`, { at: node.at, hint });
  return undefined;
}

export function addressAt(node: Node, problems: Problems, what: string): Address | undefined {
  if (node.kind !== "text") return undefined;
  const found = parseAddress(node.value);
  if (found === undefined)
    problems.error("config.value", `${what}: expected BACKEND/IMAGE`, {
      at: node.at,
      hint: "as in `images state list`",
    });
  return found;
}

/** True, and reported, when a URL carries a password. */
export function reportPassword(
  url: string,
  at: FilePosition,
  what: string,
  { problems, maskSecret }: CheckContext,
  instead = 'password = "env:NAME"',
): boolean {
  if (!URL.canParse(url)) return false;
  const { password } = new URL(url);
  if (password === "") return false;
  maskSecret?.(password);
  maskSecret?.(decoded(password));
  problems.hide(at);
  const hint = `remove it from the URL, and set ${instead}`;
  problems.error("config.secret", `${what} has a password in its URL: it must be a reference, not a literal`, {
    at,
    hint,
  });
  return true;
}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};
