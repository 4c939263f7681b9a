import { canCheckLive } from "../abilities.ts";
import { asFailure, Failure } from "../failure.ts";
import { backendNamed, type Resource } from "../model/declaration.ts";
import { type Address, type BackendName, backendOf } from "../model/name.ts";
import type { Transfer } from "../model/plan.ts";
import type { Content, ImageSource, SourceSpec } from "../model/source.ts";
import type { Recorded } from "../model/state.ts";
import { canonical } from "../model/value.ts";
import type { Backend, Plugin, ReadContext } from "../plugin.ts";
import { contentKey } from "./content-key.ts";
import { contentThrough } from "./content-through.ts";
import type { PlanContext } from "./context.ts";
import { defaultsOf } from "./diff.ts";
import { NONE } from "./found.ts";
import type { DesiredImage } from "./input.ts";
import { liveComplaints } from "./live-complaints.ts";
import { measuredOf, unreadOf, withMeasured } from "./measured.ts";
import { declaredOrigin, foundOrigin, originOf } from "./origin.ts";
import { pulledSource, sentAsIs } from "./pull.ts";
import type { ResolvedReferences } from "./references.ts";
import { importOf, resourceAt } from "./resources.ts";

/** What an origin was found to be; `blind` when it could not be looked at. */
interface OriginStatus {
  readonly content?: Content;
  readonly transfer: Transfer;
  readonly originFailure?: Failure;
  readonly maintained?: boolean;
  readonly unavailable?: DesiredImage["unavailable"] | undefined;
}

/** How an origin is looked at. */
interface Glance extends ReadContext {
  /** Nothing is to be compared with it. */
  readonly quick?: boolean;
}

/** A look at a source, and what it was compared with. */
interface Seen {
  readonly previous: Content | undefined;
  readonly quick: boolean | undefined;
  readonly content: Promise<Content> | Content;
}

/** Looks at the origins of all resources of a run, each once. */
export class DesiredImages {
  readonly #context: PlanContext;
  readonly #looks = new Map<Address, Promise<OriginStatus>>();

  /** The last look at each source. */
  readonly #seen = new Map<SourceSpec, Seen>();

  /** Addresses whose bytes others are made from: what those are compared with is their digest. */
  readonly given: ReadonlySet<Address>;

  constructor(context: PlanContext) {
    this.#context = context;
    this.given = new Set(
      context.config.resources.flatMap(({ source }) => (source?.kind === "image" ? [source.address] : [])),
    );
  }

  /**
   * Everything about one resource that a decision needs. `quick`: there is no image yet. `isThere`: it most likely stays as it is, so that
   * the beginning of a file is read only when more than its rules want to know it (`measured`). Never throws for an origin that cannot be
   * looked at.
   */
  async want(
    { resource, later: pendingReferences, missing }: ResolvedReferences,
    known: Recorded | undefined,
    backend: Backend,
    reading: ReadContext,
    { quick, isThere = false }: { readonly quick: boolean; readonly isThere?: boolean },
  ): Promise<DesiredImage> {
    const isKnown = pendingReferences.length === 0 && missing.length === 0;
    const plugin = this.plugin(resource.backend);
    const isQuick = quick && !this.given.has(resource.address);
    const { content, transfer, originFailure, maintained, unavailable } = isKnown
      ? (this.#lookNow(resource, known, isQuick) ??
        (await this.#look(resource, known, backend, { ...reading, quick: isQuick })))
      : unknownOrigin(resource, missing);
    const declared = backendNamed(this.#context.config, resource.backend);
    const marked = declared?.mark !== false;
    const hasOrigin = resource.source !== undefined || originOf(plugin, resource) !== undefined;
    const reported = isKnown && canCheckLive(backend) ? await liveComplaints(backend, resource, reading) : NONE;
    const about = { resource, content, plugin, declared, reported, context: this.#context };
    const measured = async () => await measuredOf(about, reading.signal);
    const canWait = isThere && plugin.physical === undefined && resource.source?.kind === "file";
    const unread = canWait ? unreadOf(about) : undefined;
    const desired: DesiredImage = {
      resource,
      schema: plugin.image,
      ...(isKnown ? {} : { pendingReferences, missingReferences: missing }),
      defaults: defaultsOf(plugin, resource.address),
      content,
      ...(unread ?? (await measured())),
      ...(maintained === true ? { maintained } : {}),
      ...(unavailable === undefined ? {} : { unavailable }),
      originNames: (plugin.origins ?? []).flatMap(({ needs }) => needs),
      hasOrigin,
      originFailure,
      transfer,
      marker: marked
        ? {
            file: this.#context.config.settings.name,
            owner: resource.address,
            content: contentKey(content),
            lineage: this.#context.state.lineage,
          }
        : undefined,
      sentAsIs: sentAsIs(plugin, resource),
      order: (have) => plugin.order?.(have, resource.want) ?? "create-first",
      chosenId: plugin.chosenId?.(resource.want),
      importId: importOf(this.#context.config, resource.address)?.id,
      ...(unread === undefined ? {} : { measured: () => withMeasured(desired, measured()) }),
    };
    return desired;
  }

  plugin(backend: BackendName): Plugin {
    const plugin = this.#context.plugins.get(backend);
    if (plugin === undefined) throw new Failure("plan.backend", `there is no backend ${backend} in the file`);
    return plugin;
  }

  /** The look at a file that is what it was, for an image of its own; undefined: more is to be looked at. */
  #lookNow(
    { address, source, references }: Resource,
    known: Recorded | undefined,
    quick: boolean,
  ): OriginStatus | undefined {
    const previous = known?.content;
    if (source?.kind !== "file" || previous === undefined || references !== undefined || this.given.has(address))
      return undefined;
    const last = this.#seen.get(source);
    const isAsked = last !== undefined && last.quick === quick && isSameContent(last.previous, previous);
    if (isAsked && last.content instanceof Promise) return undefined;
    const content = isAsked ? last.content : this.#context.lookNow?.(source, previous);
    if (content === undefined || content instanceof Promise) return undefined;
    if (!isAsked) this.#seen.set(source, { previous, quick, content });
    return { content, transfer: upload(content.size, undefined) };
  }

  #look(resource: Resource, known: Recorded | undefined, backend: Backend, reading: Glance): Promise<OriginStatus> {
    const before = this.#looks.get(resource.address);
    if (before !== undefined) return before;
    // Asked for its bytes before its own references are resolved: what it was made from.
    if (Object.keys(resource.references ?? {}).some((name) => resource.want[name] === undefined))
      return Promise.resolve({ transfer: { how: "none" }, ...(known?.content && { content: known.content }) });
    const looking = this.#lookAt(resource, known, backend, reading).catch((thrown: unknown): OriginStatus => {
      if (this.#context.signal.aborted) throw thrown;
      return { transfer: { how: "none" }, originFailure: asFailure(thrown) };
    });
    if (this.given.has(resource.address)) this.#looks.set(resource.address, looking);
    return looking;
  }

  /** What a source means now: asked once for an image on many backends that was made from the same on each. */
  #contentOf(source: SourceSpec, previous: Content | undefined, { signal, quick }: Glance): Promise<Content> | Content {
    const last = this.#seen.get(source);
    if (last !== undefined && last.quick === quick && isSameContent(last.previous, previous)) return last.content;
    const content = this.#context.look(source, previous, signal, quick);
    this.#seen.set(source, { previous, quick, content });
    return content;
  }

  async #lookAt(
    resource: Resource,
    known: Recorded | undefined,
    backend: Backend,
    reading: Glance,
  ): Promise<OriginStatus> {
    const { source, want } = resource;
    if (source?.kind === "image") return await this.#lookThrough(source, reading);
    if (source !== undefined) {
      const content = await this.#contentOf(source, known?.content, reading);
      const pull = pulledSource(this.plugin(resource.backend), want, source, content);
      if (pull !== undefined) {
        const bytes = content.size === undefined ? {} : { bytes: content.size };
        const unverified = pull.verified ? {} : { unverified: pull.why ?? "the backend cannot verify it" };
        return { content, transfer: { how: "pull", ...bytes, ...unverified } };
      }
      const proven = source.kind === "file" || source.checksum !== undefined || source.signature !== undefined;
      return { content, transfer: upload(content.size, proven ? undefined : "no checksum is declared for it") };
    }
    const plugin = this.plugin(resource.backend);
    const origin = originOf(plugin, resource);
    if (origin === undefined) return { transfer: { how: "none" } };
    if (backend.resolve === undefined) {
      const { ignoreChanges } = resource.lifecycle;
      const kept = origin.needs.some((name) => ignoreChanges.includes(name)) ? known?.content : undefined;
      return { content: kept ?? declaredOrigin(plugin, want), transfer: { how: "none" } };
    }
    const pinned = origin.follow !== undefined && want[origin.follow] === false && known?.content !== undefined;
    if (pinned && known.status === "ready") return { content: known.content, transfer: { how: "none" } };
    const resolved = await backend.resolve(want, reading);
    const { size, serverSide, verified, why, maintained, unavailable } = resolved;
    if (maintained === true && known?.content !== undefined)
      return { content: known.content, transfer: { how: "pull" }, maintained };
    const unverified = verified ? {} : { unverified: why ?? "the backend cannot verify it" };
    return {
      content: foundOrigin(plugin, want, resolved),
      unavailable,
      ...(maintained === true ? { maintained } : {}),
      transfer: { how: serverSide ? "pull" : "upload", ...(size === undefined ? {} : { bytes: size }), ...unverified },
    };
  }

  /** The bytes of another address: what that one is made from, or what is declared of them here. */
  async #lookThrough(source: ImageSource, reading: Glance): Promise<OriginStatus> {
    const other = source.address;
    const resource = resourceAt(this.#context.config, other);
    const hint = `it is used as a source on line ${source.at.line}`;
    if (resource === undefined) throw new Failure("plan.source", `${other} is not declared`, { hint });
    const { content, originFailure } = await this.#look(
      resource,
      this.#context.state.images[other],
      await this.#context.open(backendOf(other)),
      reading,
    );
    if (originFailure !== undefined) throw originFailure;
    const transfer = upload(content?.size, undefined);
    const declared = await this.#contentOf(source, undefined, reading);
    return { content: contentThrough(source, content, declared), transfer };
  }
}

/** What is to be made from an image that is not there yet: nothing can be looked at. */
function unknownOrigin({ references = {} }: Resource, missing: readonly string[]): OriginStatus {
  const transfer = { how: "none" } as const;
  const [name] = missing;
  if (name === undefined) return { transfer };
  const hint = "apply it first, or leave it in the plan";
  return { transfer, originFailure: new Failure("plan.source", `${name}: ${references[name]} has no image`, { hint }) };
}

const isSameContent = (a: Content | undefined, b: Content | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && canonical(a) === canonical(b));

const upload = (bytes: number | undefined, unverified: string | undefined): Transfer => ({
  how: "upload",
  ...(bytes === undefined ? {} : { bytes }),
  ...(unverified === undefined ? {} : { unverified }),
});
