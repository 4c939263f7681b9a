import type { Change, CreationSource, Step, Transfer, Verification } from "../../core/model/plan.ts";
import type { Content } from "../../core/model/source.ts";
import { isTable } from "../../core/model/value.ts";
import { bytes } from "./format.ts";
import type { Role } from "./style.ts";
import { printable } from "./text.ts";

/** How a step is drawn: the symbol for the eye, the word for everyone. */
interface Face {
  readonly symbol: string;
  readonly word: string;
  readonly role: Role;
}

export function faceOf(step: Step): Face {
  switch (step.action) {
    case "create":
      return { symbol: "+", word: "create", role: "add" };
    case "adopt":
      return { symbol: "<=", word: step.because === "import" ? "import" : "adopt", role: "take" };
    case "update":
      return isMove(step)
        ? { symbol: ">", word: "move", role: "take" }
        : { symbol: "~", word: "update", role: "change" };
    case "replace":
      return { symbol: step.order === "create-first" ? "±" : "∓", word: "replace", role: "replace" };
    case "delete":
      return { symbol: "-", word: "delete", role: "remove" };
    case "retire":
      return { symbol: ".", word: step.how, role: "forget" };
    case "forget":
      return { symbol: ".", word: "forget", role: "forget" };
    case "block":
      return { symbol: "!", word: "blocked", role: "blocked" };
    case "verify":
      return { symbol: "?", word: "verify", role: "take" };
    case "keep":
      return { symbol: ">", word: "move", role: "take" };
    default:
      return step satisfies never;
  }
}

/** The ownership marker is kept by this program: it is no attribute of the image. */
const isMarker = ({ name }: Change): boolean => name === "marker";

/** Another address for the same image, and nothing besides but what its marker says of that. */
export const isMove = (step: Step): boolean =>
  step.previous !== undefined &&
  (step.action === "keep" ||
    (step.action === "update" && step.changes.every(isMarker) && (step.deletes ?? []).length === 0));

/** The address, of a move with the one before. */
export const placeOf = (step: Step): string =>
  step.previous !== undefined && isMove(step) ? `${printable(step.previous)} -> ${step.address}` : step.address;

/** What happens to the marker of the image, in words; undefined where nothing does. Printable. */
export function markerText(step: Step): string | undefined {
  const change = "changes" in step ? step.changes.find(isMarker) : undefined;
  if (change === undefined) return undefined;
  if (change.kind !== "edit" || change.before.kind !== "value") return "the ownership marker is written";
  if (step.previous !== undefined) return "the ownership marker gets the new address";
  return `the ownership marker is written again; it says ${printable(String(change.before.value))}`;
}

const GONE = {
  undeclared: "no longer declared",
  destroy: "destroy",
  absent: "declared absent",
  removed: "declared removed",
} as const;

/** What stands behind the address: the id where there is one, and the reason. Printable. */
export function detailOf(step: Step): string {
  switch (step.action) {
    case "create":
      if (step.because === "vanished") return "gone from the backend, created again";
      return step.because === "unfinished" ? "incomplete (interrupted run), created again" : "";
    case "adopt": {
      const why = {
        mark: "has the marker of this address",
        import: "declared import",
        adopt: "unmanaged until now",
      }[step.because];
      if (step.hold === true)
        return `${printable(step.id)}: added to the state as it is; nothing else is changed in this run`;
      return `${printable(step.id)}: ${why}`;
    }
    case "update": {
      const only = step.changes.length === 0 && (step.deletes ?? []).length === 0;
      return printable(step.id) + (only ? ": only its record in the state" : "");
    }
    case "verify":
      return `${printable(step.id)}: unknown whether it is as declared`;
    case "replace": {
      const order = step.order === "create-first" ? "the new image is created first" : "the old image is deleted first";
      const unless = step.unlessSame === true ? "; kept if its source turns out to have the same bytes" : "";
      return `${printable(step.id)}: ${reasons(step.because)}; ${order}${unless}`;
    }
    case "delete":
      return `${printable(step.id)}: ${GONE[step.because]}`;
    case "retire":
      return `${printable(step.id)}: ${GONE[step.because]}; kept on the backend, unused`;
    case "forget": {
      if (step.because === "vanished") return "gone from the backend, removed from the state";
      const why = step.because === "removed" ? GONE.removed : `on_remove = "forget"`;
      return `${why}; kept on the backend, removed from the state`;
    }
    case "block":
      return printable(step.text);
    case "keep":
      return "";
    default:
      return step satisfies never;
  }
}

const reasons = (because: readonly string[]): string =>
  because.map((name) => (name === "requested" ? "asked for" : printable(name))).join(", ");

/** The attributes that change. */
export const changesOf = (step: Step): readonly Change[] =>
  "changes" in step ? step.changes.filter((change) => !isMarker(change)) : [];

/** What of a step is to be compared with the source. */
export const verificationOf = (step: Step): Verification | undefined =>
  "verifies" in step ? step.verifies : undefined;

/** What is read to find out whether an image is as declared, and why. Printable. */
export function verificationText({ content, why, how, bytes: size }: Verification): string {
  const amount = size === undefined ? "size unknown" : bytes(size);
  const way = how === "download" ? `downloads ${amount} from` : `reads ${amount} of`;
  return `${printable(why)}: ${way} ${printable(content.where)}, and compares`;
}

/** Where the bytes of a step come from and how: `from https://… (412.0 MiB through this host, sha256:8c1f…)`. Printable. */
export function sourceOf({ content, transfer }: CreationSource): string {
  const how = way(transfer, content);
  if (content === undefined) return how;
  const digest = content.digest ?? content.resolved;
  const facts = [
    how,
    ...(digest === undefined ? [] : [shortened(printable(digest))]),
    ...transformText(content.transform),
  ];
  return `from ${printable(content.where)} (${facts.join(", ")})`;
}

/** What is done with the bytes on the way, in words: `member disk.raw`, `decompress`. Text that is no such table is shown as it is. */
export function transformText(transform: string | undefined): readonly string[] {
  if (transform === undefined) return [];
  try {
    const parsed: unknown = JSON.parse(transform);
    if (!isTable(parsed)) return [printable(transform)];
    return Object.entries(parsed).map(([name, value]) => printable(value === true ? name : `${name} ${value}`));
  } catch {
    return [printable(transform)];
  }
}

function way({ how, bytes: moved }: Transfer, content: Content | undefined): string {
  const size = moved ?? content?.size;
  const amount = size === undefined ? "size unknown" : bytes(size);
  switch (how) {
    case "upload":
      return `${amount} through this host`;
    case "pull":
      return `${amount} pulled by the backend`;
    case "none":
      return "created by the backend, no transfer";
    default:
      return how satisfies never;
  }
}

/** Digests within a text cut to what a reader compares. */
export const shortened = (text: string): string =>
  text.replace(/\b(md5|sha1|sha256|sha384|sha512):([0-9a-f]{12})[0-9a-f]{20,}/g, "$1:$2…");
