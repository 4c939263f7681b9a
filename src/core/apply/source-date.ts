import { Failure } from "../failure.ts";
import type { Content } from "../model/source.ts";
import type { StepContext } from "./step-context.ts";

/** When the source was last changed, as the server or the file system reports it. Undefined: neither does, which a note says. */
export async function sourceDate(ctx: StepContext, content: Content | undefined): Promise<Date | undefined> {
  const known = dateOf(content);
  const { source } = ctx.resource;
  if (known !== undefined || source === undefined || source.kind === "image") return known;
  const { checksum: _, signature: __, ...bare } = source;
  try {
    // What proves the bytes says nothing of their date: the server is asked for its headers.
    const found = dateOf(await ctx.run.look({ ...bare, follow: true }, content, ctx.run.signal, true));
    if (found === undefined) ctx.note("the date of the source is not known: its server reports none");
    return found;
  } catch (thrown) {
    ctx.run.signal.throwIfAborted();
    if (!(thrown instanceof Failure)) throw thrown;
    ctx.note(`the date of the source is not known: ${thrown.message}`);
    return undefined;
  }
}

function dateOf(content: Content | undefined): Date | undefined {
  const { stat, validators } = content ?? {};
  const time = stat === undefined ? Date.parse(validators?.modified ?? "") : Number(BigInt(stat.mtime) / 1_000_000n);
  return Number.isNaN(time) ? undefined : new Date(time);
}
