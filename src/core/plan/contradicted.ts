import type { Resource } from "../model/declaration.ts";
import { ALGORITHMS, type Algorithm, type Digest, type Digests, nameOf, STRONG } from "../model/digest.ts";
import { type Address, backendOf } from "../model/name.ts";
import type { Step } from "../model/plan.ts";
import { showPosition } from "../model/position.ts";
import type { Content, SourceSpec } from "../model/source.ts";
import type { PlanContext } from "./context.ts";
import { knownDigests } from "./evidence.ts";
import type { DesiredImage, LiveImage } from "./input.ts";
import { digestsOf } from "./merged-content.ts";
import { resourceAt } from "./resources.ts";

// Steps whose bytes are known, and known to be others than the declared ones: apply is certain to fail. Pure.

/** What a plan has seen of an image that others are made from. */
export interface GivenImage {
  /** The backend's own digests of it. */
  readonly live: Digests | undefined;
  /** A new one gets the bytes of its source as they are. */
  readonly isUntouched: boolean;
}

export const givenImage = (have: LiveImage | undefined, want: DesiredImage | undefined): GivenImage => ({
  live: have?.digests,
  isUntouched: want?.sentAsIs === true || want?.outgoing?.isUntouched === true,
});

interface KnownBytes {
  readonly steps: ReadonlyMap<Address, Step>;
  readonly given: ReadonlyMap<Address, GivenImage>;
  readonly context: Pick<PlanContext, "config" | "state" | "plugins">;
}

/** A block for each step that would read an image or a file whose known digest contradicts the declared checksum. */
export function contradicted(known: KnownBytes): ReadonlyMap<Address, Step> {
  const { steps, context } = known;
  const blocks = new Map<Address, Step>();
  for (const resource of context.config.resources) {
    const step = steps.get(resource.address);
    const block = step && contradiction(step, resource, known);
    if (block !== undefined) blocks.set(resource.address, block);
  }
  return blocks;
}

function contradiction(step: Step, resource: Resource, known: KnownBytes): Step | undefined {
  const { source, address } = resource;
  const content = contentRead(step);
  const declared = source?.checksum === undefined ? undefined : content?.digest;
  if (content === undefined || declared === undefined || resource.state !== "present") return undefined;
  const other = source === undefined ? undefined : foundDigest(source, nameOf(declared), content, resource, known);
  if (source === undefined || other === undefined || other === declared) return undefined;
  const where = source.kind === "image" ? source.address : content.where;
  const hint =
    source.kind === "image"
      ? `correct the checksum: it is compared with the bytes that ${where} has on its backend`
      : "correct the checksum or the file; if the file was replaced and its time kept, touch it";
  const text = `checksum mismatch: expected ${declared}, but ${where} has ${other} (${showPosition(source.at)})`;
  return { action: "block", address, because: "source", text, hint };
}

/** The digest of this kind that the bytes of a source are known to have. */
function foundDigest(
  source: SourceSpec,
  name: Algorithm,
  content: Content,
  { address }: Resource,
  known: KnownBytes,
): Digest | undefined {
  const recorded = known.context.state.images[address];
  // A look at a file gives another digest than the declared one where that was recorded of it; what was never made proves nothing.
  if (source.kind === "file") return recorded?.status === "ready" ? content.digests?.[name] : undefined;
  if (source.kind !== "image") return undefined;
  const found = bytesOf(source.address, known, new Set());
  return found[name] ?? alsoKnown(recorded?.content, source.address, found)[name];
}

/** What a step would compare with the bytes that it reads; undefined: it reads none. */
function contentRead(step: Step): Content | undefined {
  if (step.action === "create" || step.action === "replace") return step.making.content;
  return step.action === "verify" || step.action === "update" ? step.verifies?.content : undefined;
}

/** What is known of the bytes that an address has once its own step is done. */
function bytesOf(address: Address, known: KnownBytes, passed: ReadonlySet<Address>): Digests {
  const { steps, given, context } = known;
  const step = steps.get(address);
  const seen = given.get(address);
  if (passed.has(address)) return {};
  if (step?.action === "create" || step?.action === "replace") {
    if (seen?.isUntouched !== true) return {};
    const { source } = resourceAt(context.config, address) ?? {};
    const { content } = step.making;
    if (content === undefined || source === undefined) return {};
    if (source.kind !== "image") return digestsOf(content);
    // Its content is what that one was made from, unless a digest of the bytes themselves is declared.
    const own = source.checksum === undefined || content.digest === undefined ? {} : ofOne(content.digest);
    return { ...bytesOf(source.address, known, new Set([...passed, address])), ...own };
  }
  const recorded = context.state.images[address];
  if (recorded?.status !== "ready") return {};
  const backend = seen?.live ?? recorded.digests ?? {};
  const made = recorded.content === undefined ? {} : digestsOf(recorded.content);
  const isSame = STRONG.some((name) => made[name] !== undefined && made[name] === backend[name]);
  if (isSame) return knownDigests({ recorded: recorded.content ?? { where: address }, backend, isSentAsIs: true });
  // Where equal bytes are one image, its digest is that of all of its files together.
  return context.plugins.get(backendOf(address))?.physical === undefined ? backend : {};
}

/** What was learned of the same bytes when an image was made from them, or compared with them. */
function alsoKnown(content: Content | undefined, from: Address, found: Digests): Digests {
  if (content?.where !== from || content.transform !== undefined) return {};
  const learned = digestsOf(content);
  const isSame = STRONG.some((name) => learned[name] !== undefined && learned[name] === found[name]);
  return isSame && ALGORITHMS.every((name) => !(learned[name] && found[name]) || learned[name] === found[name])
    ? learned
    : {};
}

const ofOne = (digest: Digest): Digests => ({ [nameOf(digest)]: digest });
