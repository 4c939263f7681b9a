import { Failure } from "../failure.ts";
import { type Digests, nameOf, shortDigest } from "../model/digest.ts";
import { type Observed, passThrough } from "../model/image.ts";
import type { ImageId } from "../model/name.ts";
import type { Verification } from "../model/plan.ts";
import type { Content, SourceSpec } from "../model/source.ts";
import type { Recorded } from "../model/state.ts";
import { compareDigestEvidence, knownDigests } from "../plan/evidence.ts";
import { digestsOf, mergedContent } from "../plan/merged-content.ts";
import { pulledSource, sentAsIs } from "../plan/pull.ts";
import type { OpenedContent } from "./context.ts";
import type { StepContext } from "./step-context.ts";

/** What the bytes of a source were found to be. */
type ProofVerdict =
  /** Those that the image was made from; `content` is what is known of them now. */
  | { readonly kind: "same"; readonly content: Content }
  | { readonly kind: "differ"; readonly found: Content; readonly text: string };

/**
 * Reads the bytes of the source to their end, proven as they are declared, and compares them with those that the image was made from.
 * `isKept`: they are wanted once more, where they differ. Changes nothing. @throws Failure source.*: they are not as declared; plan.differs: nothing is known to compare them with
 */
export async function compareWithSource(
  ctx: StepContext,
  known: Ready,
  now: Content,
  isKept = false,
): Promise<ProofVerdict> {
  const { resource, plugin, address } = ctx;
  const { source, want } = resource;
  const recorded = known.content;
  if (source === undefined || recorded === undefined)
    throw new Failure("plan.moved", "nothing is recorded to compare", { address, hint: "plan again" });
  const isSentAsIs = sentAsIs(plugin, resource) || pulledSource(plugin, want, source, now) !== undefined;
  const before = knownDigests({ recorded, backend: known.digests, isSentAsIs });
  const found = await read(ctx, source, now, before, isKept);
  const weighed = compareDigestEvidence(before, found.digests ?? {});
  if (weighed?.kind === "same") return { kind: "same", content: mergedContent(recorded, found, source, found.digests) };
  const text =
    weighed?.kind === "changed"
      ? `the image was made from ${weighed.before}, and its source has ${weighed.after}`
      : `the image (${names(before)}) and its source (${names(digestsOf(found))}) have no digest of the same kind`;
  return { kind: "differ", found, text };
}

type Ready = Recorded & { status: "ready" };

const names = (digests: Digests): string => Object.keys(digests).join(", ") || "none";

/** The bytes as the source has them: nothing is taken out of them, undone or converted. */
async function read(
  ctx: StepContext,
  source: SourceSpec,
  now: Content,
  before: Digests,
  isKept: boolean,
): Promise<Content> {
  const { address, run, progress } = ctx;
  const signal = ctx.deadline(run.signal);
  const { member: _, ...whole } = source;
  if ("metadata" in whole) delete whole.metadata;
  const algorithms = Object.values(before).map(nameOf);
  const wanted = { formats: "any", compressions: "any", digests: algorithms } as const;
  const { digests: __, ...expected } = now;
  try {
    const opening = { address, signal, progress: progress.report, expected, isKept, isCompared: true };
    const opened = await run.fetch({ ...whole, decompress: false }, wanted, opening);
    let size = 0;
    for await (const piece of passThrough(opened, signal)) size += piece.length;
    return { ...now, size, digests: { ...digestsOf(now), ...(await opened.digests()) } };
  } catch (thrown) {
    // Without room to keep them, they are read twice.
    if (isKept && thrown instanceof Failure && thrown.code === "source.space")
      return await read(ctx, source, now, before, false);
    throw ctx.explain(thrown);
  }
}

/**
 * Finds out whether an image was made from what is declared. Answers what is to be recorded of that.
 * @throws Failure plan.differs: it was not. The state remembers what the source is, so that the next plan knows.
 */
export async function verifyBytes(ctx: StepContext, { content }: Verification, id: ImageId): Promise<Content> {
  const { address, resource } = ctx;
  const known = readyRecord(ctx, id);
  const verdict = await compareWithSource(ctx, known, content);
  if (verdict.kind === "same") {
    ctx.note(sameText(verdict.content));
    return verdict.content;
  }
  await ctx.put({ ...known, upstream: verdict.found });
  const { protect } = resource.lifecycle;
  throw new Failure("plan.differs", `${id} is not as declared: ${verdict.text}`, {
    address,
    hint: protect
      ? "the image is protected and is kept; set protect = false to replace it"
      : "nothing was changed; plan again: the next apply replaces the image",
  });
}

/** The row of an image that is there. @throws Failure plan.moved */
export function readyRecord({ known, address }: StepContext, id: ImageId): Ready {
  if (known?.status === "ready" && known.id === id) return known;
  throw new Failure("plan.moved", `${id} is no longer the image of ${address}`, { address, hint: "plan again" });
}

export const sameText = ({ digest, digests }: Content): string => {
  const shown = digests?.sha256 ?? digest;
  return `verified: its source has the bytes of the image${shown === undefined ? "" : ` (${shortDigest(shown)})`}`;
};

/** What an image was made from, with every digest that is known of those bytes: the backend's own where it has them as they were. */
export async function madeFrom(
  source: OpenedContent,
  spec: SourceSpec | undefined,
  { digests }: Observed,
): Promise<Content> {
  const [content, sent] = [await source.content(), await source.digests()];
  const { sha256 } = digestsOf(content);
  const isAsIs = sha256 !== undefined && sha256 === sent.sha256;
  return mergedContent(content, content, spec, isAsIs ? { ...digests, ...sent } : {});
}

/** The source as it was found, for a replace that goes on with it: its digest pins the bytes. */
export const pinnedBy = ({ digests, ...now }: Content): Content =>
  now.digest === undefined && digests?.sha256 !== undefined ? { ...now, digest: digests.sha256 } : now;
