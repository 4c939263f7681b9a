import { fileURLToPath } from "node:url";
import type { FilePosition } from "../model/position.ts";
import type { SourceSpec } from "../model/source.ts";
import { seconds } from "../model/types.ts";
import { besideEach, isBeside } from "./beside.ts";
import { absolute, addressAt, type CheckContext, declaredAddress, isUrl, reportPassword } from "./context.ts";
import { metadataOf } from "./metadata.ts";
import type { Node, NodeEntry, TextNode } from "./node.ts";
import { FILE_URL, plainFile } from "./plain-file.ts";
import { elsewhere } from "./problems.ts";
import { KINDS, NOWHERE, ONLY, type SourceEntry, type SourcePart, sourceEntries } from "./source-entries.ts";
import { checksumOf, headersOf, hostsOf, type ReportError, textsIn } from "./source-parts.ts";
import { faultOf } from "./state-location.ts";

export type FoundSource =
  | { readonly kind: "none" }
  /** `source = "images:alpine/edge"`: an attribute of the plugin's own. */
  | { readonly kind: "plugin" }
  /** There is one, and something is wrong with it, which is reported. */
  | { readonly kind: "wrong" }
  | { readonly kind: "source"; readonly spec: SourceSpec; readonly label: string };

/**
 * Where the bytes come from, gathered from `source` and the other tools' spellings of it.
 * @param own whether the plugin has an attribute `source`, that takes what is none of ours.
 */
export function findSource(entries: ReadonlyMap<string, NodeEntry>, own: boolean, context: CheckContext): FoundSource {
  const pieces = sourceEntries(entries, own, context);
  if (pieces === "plugin") return { kind: "plugin" };
  if (pieces === undefined) return { kind: "wrong" };
  if (pieces.length === 0) return { kind: "none" };
  return plainFile(pieces, context) ?? new Assembly(pieces, context).build() ?? { kind: "wrong" };
}

class Assembly {
  readonly #pieces = new Map<SourcePart, SourceEntry>();
  readonly #context: CheckContext;
  #wrong = false;

  constructor(pieces: readonly SourceEntry[], context: CheckContext) {
    this.#context = context;
    for (const one of pieces) {
      const before = this.#pieces.get(one.part);
      if (before === undefined) this.#pieces.set(one.part, one);
      else this.#tell(one.key, `${one.label} and ${this.#named(before, one.key)} are the same: write one of them`);
    }
  }

  build(): FoundSource | undefined {
    const kind = this.#kind();
    if (kind === undefined) return undefined;
    for (const { part, label, key } of this.#pieces.values()) {
      const only = ONLY[part];
      if (only?.includes(kind.part) === false) this.#tell(key, `${label} is only valid with ${only.join(" and ")}`);
    }
    const common = { at: kind.whole, ...this.#common(), follow: this.#flag("follow") ?? true };
    const where = this.#where(kind, common);
    if (this.#wrong || where === undefined) return undefined;
    return { kind: "source", spec: where, label: kind.label };
  }

  #kind(): SourceEntry | undefined {
    const [kind, other] = [...this.#pieces.values()].filter(({ part }) => KINDS.includes(part));
    if (kind !== undefined && other !== undefined)
      this.#tell(other.key, `an image has one source: ${other.label} here, and ${this.#named(kind, other.key)}`);
    const [first] = this.#pieces.values();
    if (kind === undefined && first !== undefined) {
      const message = first.label.startsWith("source.")
        ? NOWHERE
        : `${first.label} also needs an image_source_url or a file`;
      this.#tell(first.label.startsWith("source.") ? first.whole : first.key, message, "config.origin");
    }
    return kind;
  }

  #where(kind: SourceEntry, common: Pick<SourceSpec, "at" | "follow">): SourceSpec | undefined {
    if (kind.part === "image") {
      if (this.#pieces.has("state") || this.#pieces.has("min_age")) return this.#promoted(kind, common);
      const address = declaredAddress(kind.value, this.#context, kind.label);
      return address && { ...common, kind: "image", address };
    }
    if (kind.part === "file") {
      const path = this.#path(kind.value);
      const beside = this.#pieces.get("metadata")?.value;
      if (beside !== undefined && (beside.kind !== "text" || isUrl(beside.value)))
        this.#tell(beside.at, "source.metadata: expected a path, because the disk has one");
      const metadata = this.#path(beside);
      return path === undefined
        ? undefined
        : { ...common, kind: "file", path, ...(metadata === undefined ? {} : { metadata }) };
    }
    const nodes = kind.value.kind === "list" ? kind.value.items : [kind.value];
    const urls = nodes.flatMap((node) => this.#url(node, kind.label) ?? []);
    if (urls.length === 0 && nodes.length === 0) this.#tell(kind.value.at, "urls is empty");
    const [access, beside] = [this.#access(), this.#pieces.get("metadata")?.value];
    const metadata = beside && metadataOf(beside, { ...access, follow: common.follow, at: beside.at }, this.#context);
    if (urls.length === 0 || (beside !== undefined && metadata === undefined)) return undefined;
    return { ...common, kind: "url", urls, ...access, ...(metadata === undefined ? {} : { metadata }) };
  }

  /** An image of another file, by way of its state. */
  #promoted(kind: SourceEntry, common: Pick<SourceSpec, "at" | "follow">): SourceSpec | undefined {
    const [state, age] = [this.#pieces.get("state"), this.#pieces.get("min_age")];
    if (state === undefined) {
      if (age !== undefined) this.#tell(age.key, `${age.label} also needs state`);
      return undefined;
    }
    const address = addressAt(kind.value, this.#context.problems, kind.label);
    if (address === undefined || state.value.kind !== "text") return undefined;
    const text = state.value.value;
    const isTold =
      isUrl(text) && reportPassword(text, state.value.at, state.label, this.#context, "the login elsewhere");
    const fault = isTold ? undefined : faultOf(text);
    if (fault !== undefined)
      this.#tell(state.value.at, fault.message.replace(/^state\b/, state.label), "config.value", fault.hint);
    if (isTold || fault !== undefined) return undefined;
    const minAge = age === undefined || age.value.kind !== "text" ? undefined : seconds(age.value.value);
    return {
      ...common,
      kind: "promoted",
      state: isUrl(text) ? text : absolute(this.#context, text),
      address,
      ...(minAge === undefined ? {} : { minAge }),
    };
  }

  #access() {
    const username = this.#text("username");
    const password = this.#text("password");
    const headers = headersOf(this.#pieces.get("headers")?.value, this.#says, this.#context);
    const hosts = hostsOf(this.#pieces.get("hosts")?.value, this.#says);
    const cache = this.#path(this.#pieces.get("cache")?.value);
    return {
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...(headers === undefined ? {} : { headers }),
      ...(hosts === undefined ? {} : { hosts }),
      ...(cache === undefined ? {} : { cache }),
    };
  }

  #common() {
    const checksum = checksumOf(this.#pieces.get("checksum"), this.#says, (node, label) => this.#places(node, label));
    const signature = this.#signature();
    const ca = this.#path(this.#pieces.get("ca")?.value);
    const member = this.#text("member");
    const decompress = this.#flag("decompress");
    return {
      ...(checksum === undefined ? {} : { checksum }),
      ...(signature === undefined ? {} : { signature }),
      ...(ca === undefined ? {} : { ca }),
      ...(member === undefined ? {} : { member }),
      ...(decompress === undefined ? {} : { decompress }),
    };
  }

  #signature() {
    const signature = this.#pieces.get("signature");
    const key = this.#pieces.get("key");
    for (const part of ["identity", "issuer"] as const) {
      const one = this.#pieces.get(part);
      if (one !== undefined && signature === undefined) this.#tell(one.key, `${one.label} also needs signature`);
    }
    if (signature === undefined && key === undefined) return undefined;
    if (signature === undefined || key === undefined) {
      const one = signature ?? key;
      const other = signature === undefined ? "signature" : "key";
      if (one !== undefined) this.#tell(one.key, `${one.label} also needs ${other}`);
      return undefined;
    }
    if (key.value.kind !== "text") return undefined;
    const [where, ...elsewhere] = textsIn(signature.value).flatMap((node) => this.#places(node, signature.label) ?? []);
    if (where === undefined) this.#tell(signature.value.at, `${signature.label} is empty`);
    const text = key.value.value;
    const identity = this.#text("identity");
    const issuer = this.#text("issuer");
    const who = { ...(identity === undefined ? {} : { identity }), ...(issuer === undefined ? {} : { issuer }) };
    const also = { ...(elsewhere.length === 0 ? {} : { elsewhere }), ...who };
    return where === undefined
      ? undefined
      : { where, key: isKey(text) ? text : absolute(this.#context, text), ...also };
  }

  /** A URL as it is, or a path made absolute; or a file beside each mirror. */
  #places(node: TextNode, label: string): readonly string[] | undefined {
    if (!isBeside(node.value)) {
      const place = isUrl(node.value) ? this.#url(node, label) : this.#path(node);
      return place === undefined ? undefined : [place];
    }
    const mirrors = (["url", "urls"] as const).flatMap((part) => textsIn(this.#pieces.get(part)?.value));
    const found = besideEach(
      node.value,
      mirrors.map(({ value }) => value),
    );
    if (typeof found !== "string") return found;
    this.#tell(node.at, `${label}: ${found}`);
    return undefined;
  }

  #url(node: Node, label: string): string | undefined {
    if (node.kind !== "text") return undefined;
    if (!URL.canParse(node.value) || !/^https?:$/.test(new URL(node.value).protocol)) {
      this.#tell(node.at, `${label}: expected a URL that begins with https:// or http://`);
      return undefined;
    }
    if (!reportPassword(node.value, node.at, label, this.#context)) return node.value;
    this.#wrong = true;
    return undefined;
  }

  #path(node: Node | undefined): string | undefined {
    if (node?.kind !== "text") return undefined;
    if (node.value.trim() === "" || node.value.includes("\0")) {
      this.#tell(node.at, "expected a path");
      return undefined;
    }
    if (!FILE_URL.test(node.value)) return absolute(this.#context, node.value);
    try {
      return fileURLToPath(node.value);
    } catch {
      this.#tell(node.at, "expected a path");
      return undefined;
    }
  }

  #text(part: SourcePart): string | undefined {
    const value = this.#pieces.get(part)?.value;
    return value?.kind === "text" ? value.value : undefined;
  }

  #flag(part: SourcePart): boolean | undefined {
    const value = this.#pieces.get(part)?.value;
    return value?.kind === "plain" && typeof value.value === "boolean" ? value.value : undefined;
  }

  #named({ label, key }: SourceEntry, here: FilePosition): string {
    return `${label} in ${elsewhere(key, here)}`;
  }

  readonly #says: ReportError = (at, message, hint) => this.#tell(at, message, "config.value", hint);

  #tell(at: FilePosition, message: string, code: `config.${string}` = "config.value", hint?: string): void {
    this.#wrong = true;
    this.#context.problems.error(code, message, { at, hint });
  }
}

/** A key itself, not its path: an armoured OpenPGP block, or a minisign key (56 characters of base64). */
const isKey = (text: string): boolean => text.includes("-----BEGIN") || /^(?:.*\n)?RW[A-Za-z0-9+/]{54}\s*$/.test(text);
