import { type Address, type Attributes, type Desired, type Host, parseAddress } from "images";
import * as t from "typanion";
import type { Placing } from "./places.ts";
import { aliasesOf, type IncusImage } from "./schema.ts";
import type { StreamsImage } from "./streams.ts";
import { parsed } from "./wire.ts";

/** The image of a remote that is wanted. */
export interface RemoteImageRequest {
  readonly remote: string;
  readonly name: string;
  readonly type: StreamsImage["type"];
  readonly architecture: string | undefined;
  readonly copyAliases: boolean;
  /** The project on the remote; undefined: that of the remote. */
  readonly project: string | undefined;
}

const more = { extra: t.isUnknown() };
const isSourceImage = t.isObject(
  {
    remote: t.isString(),
    name: t.isString(),
    type: t.isEnum(["container", "virtual-machine"] as const),
    architecture: t.isOptional(t.isString()),
    copy_aliases: t.isBoolean(),
  },
  more,
);
const isDeclared = t.isObject(
  {
    source: t.isOptional(t.isString()),
    source_image: t.isOptional(isSourceImage),
    vm: t.isOptional(t.isBoolean()),
    architecture: t.isOptional(t.isString()),
    copy_aliases: t.isBoolean(),
    remote: t.isOptional(t.isString()),
    project: t.isOptional(t.isString()),
    target_project: t.isOptional(t.isString()),
    alias: t.isOptional(t.isString()),
  },
  more,
);

/** What of a declared image says where it comes from, where it is kept and what it is called. */
export interface Declared extends Placing {
  readonly source?: string | undefined;
  readonly source_image?: t.InferType<typeof isSourceImage> | undefined;
  readonly vm?: boolean | undefined;
  readonly architecture?: string | undefined;
  readonly copy_aliases: boolean;
  readonly alias?: string | undefined;
  readonly aliases?: Desired<IncusImage>["aliases"] | undefined;
}

/** Every image that the file declares on this backend. */
export const declaredOf = ({ declared = {} }: Pick<Host, "declared">): ReadonlyMap<Address, Declared> =>
  new Map(
    Object.entries(declared).flatMap(([text, want]) => {
      const address = parseAddress(text);
      return address === undefined ? [] : [[address, declaredIn(want)]];
    }),
  );

/** Of an image of the file, as the program hands it over. */
function declaredIn({ aliases, ...rest }: Attributes): Declared {
  const read = parsed({ copy_aliases: false, ...rest }, isDeclared, "a declaration");
  return { ...read, aliases: aliases === undefined ? undefined : [...aliasesOf(aliases)] };
}

/** The wanted image in one spelling; undefined when it is not from a remote. */
export function remoteImageRequest(want: Declared): RemoteImageRequest | undefined {
  const project = want.target_project === undefined ? undefined : want.project;
  const vm = want.vm === true ? "virtual-machine" : undefined;
  if (want.source_image !== undefined) {
    const { remote, name, type, architecture, copy_aliases } = want.source_image;
    return { remote, name, type: vm ?? type, architecture, copyAliases: copy_aliases || want.copy_aliases, project };
  }
  if (want.source === undefined) return undefined;
  const at = want.source.indexOf(":");
  const [remote, name] = [want.source.slice(0, at), want.source.slice(at + 1)];
  return {
    remote,
    name,
    type: vm ?? "container",
    architecture: want.architecture,
    copyAliases: want.copy_aliases,
    project,
  };
}
