import type { Algorithm } from "./digest.ts";
import type { Address, BackendName, ImageId, ImageName } from "./name.ts";
import type { FilePosition } from "./position.ts";
import type { SourceSpec } from "./source.ts";
import type { Attributes } from "./value.ts";

/** Settings that every backend has, whatever its plugin. Times in seconds. */
export interface Limits {
  readonly timeout?: number;
  readonly parallelism?: number;
  /** Requests a second. */
  readonly rateLimit?: number;
}

/** One `[backend.NAME]`. Sensitive settings hold references here, never the secrets. */
export interface BackendDeclaration {
  readonly name: BackendName;
  /** The name of a built-in plugin, or the absolute path of a plugin file. */
  readonly plugin: string;
  readonly settings: Attributes;
  readonly limits: Limits;
  /** False: no marker is written on images. */
  readonly mark: boolean;
  readonly at: FilePosition;
}

export const ON_REMOVE = ["delete", "forget", "hide", "deactivate"] as const;
export type OnRemove = (typeof ON_REMOVE)[number];
export const REPLACE_ORDERS = ["create-first", "delete-first"] as const;
export type ReplaceOrder = (typeof REPLACE_ORDERS)[number];

/** Keep older versions of an image when it is replaced, and what becomes of those that are too many. */
interface Retain {
  readonly last: number;
  readonly then: "delete" | "hide" | "deactivate";
  /** Seconds; younger ones are left alone. */
  readonly minAge?: number;
  /** What an older version is called: a text with {version} in it, and {name}. */
  readonly name?: string;
}

/** The name of a kept version as `retain` declares it. Pure. */
export const versionName = (template: string, { name, version }: { readonly name: string; readonly version: string }) =>
  template.replaceAll(/\{(name|version)\}/g, (_, word: string) => (word === "name" ? name : version));

/** What becomes of an image over time; the same for every backend. */
export interface Lifecycle {
  readonly protect: boolean;
  readonly onRemove: OnRemove;
  readonly replace?: ReplaceOrder;
  readonly ignoreChanges: readonly string[];
  /** Seconds for one step. */
  readonly timeout?: number;
  readonly retain?: Retain;
  /** The image already exists and is only kept as declared: it is never made. */
  readonly existing: boolean;
}

/** One declaration on one backend: the unit of plan, state and event. */
export interface Resource {
  readonly address: Address;
  readonly backend: BackendName;
  readonly image: ImageName;
  /** Attributes as the plugin's schema has them, defaults filled in; sensitive ones hold references. */
  readonly want: Attributes;
  /** Attributes that are to have the id of another image of the file: they are in `want` once that is known. */
  readonly references?: Readonly<Record<string, Address>>;
  /** The attributes that stand in the file, in its own spelling, for messages and exports. */
  readonly written: readonly string[];
  readonly source?: SourceSpec;
  readonly lifecycle: Lifecycle;
  /** `present`: made and kept. `absent`: removed. `ignored`: `enabled = false`, left as it is. */
  readonly state: "present" | "absent" | "ignored";
  /** `adopt = true`: an image of the same name that is not managed is taken over. */
  readonly adopt: boolean;
  readonly at: FilePosition;
  /** Where each attribute stands, by its name; nested values by `name.key` and `name[0]`. */
  readonly places: Readonly<Record<string, FilePosition>>;
}

/** Other addresses that an image is made from: by their bytes, or by their ids. */
export const dependenciesOf = ({ source, references }: Pick<Resource, "source" | "references">): Address[] =>
  source?.kind !== "image" && references === undefined
    ? []
    : [...new Set([...(source?.kind === "image" ? [source.address] : []), ...Object.values(references ?? {})])];

export interface Moved {
  readonly from: Address;
  readonly to: Address;
  readonly at: FilePosition;
}
/** `[[removed]]`: taken out of the state; `destroy` says whether the image goes as well. */
export interface Removed {
  readonly address: Address;
  readonly destroy: boolean;
  readonly at: FilePosition;
}
export interface Import {
  readonly address: Address;
  readonly id: ImageId;
  readonly at: FilePosition;
}

/** `[policy]`: what every image must have. */
export interface Policy {
  readonly require: readonly ("checksum" | "https" | "signature")[];
  /** Those that count as a checksum. Default, where one is required: all but md5 and sha1. */
  readonly algorithms?: readonly Algorithm[];
  readonly at?: FilePosition;
}

/** What a run can tell of itself. */
export const NOTIFY_EVENTS = ["applied", "failed", "drifted", "blocked"] as const;
export type NotifyEvent = (typeof NOTIFY_EVENTS)[number];

/** `[[notify]]`: whom a run tells what came of it. */
export interface Notify {
  /** The URL, or a reference to it: many of them are secrets. */
  readonly url: string;
  readonly on: readonly NotifyEvent[];
  /** The body, with {{NAME}} for what is known. None: all of it as JSON. */
  readonly template?: string;
  /** Values may be references. */
  readonly headers: Readonly<Record<string, string>>;
  readonly at: FilePosition;
}

/** What a template may name. */
export const NOTIFY_FIELDS = [
  "event",
  "name",
  "file",
  "command",
  "user",
  "host",
  "at",
  "summary",
  "addresses",
  "errors",
  "link",
] as const;

/** Where the state is kept. */
export interface StateLocation {
  /** Absolute path, or the URL of a state that lives elsewhere. */
  readonly state: string;
  /** For a URL: the user or a reference to it, and the reference of the password. */
  readonly username?: string;
  readonly password?: string;
  readonly http?: HttpLock;
}

/** How a server of terraform's HTTP protocol wants to be asked, where that is not the usual way. */
export interface HttpLock {
  /** False: the server has no locks. */
  readonly lock?: boolean;
  readonly lockAddress?: string;
  readonly unlockAddress?: string;
  readonly lockMethod?: string;
  readonly unlockMethod?: string;
  readonly updateMethod?: string;
}

/** images.toml, read and checked. */
export interface Config {
  /** Absolute path of images.toml, and the directory that relative paths in it start from. */
  readonly file: string;
  readonly directory: string;
  readonly settings: StateLocation & {
    readonly name: string;
    readonly parallelism: number;
    /** The file has no `parallelism`: it is the default. */
    readonly isParallelismUsual?: true;
    /** Bytes that an image may have. Default: 1 TiB. */
    readonly maxSize?: number;
  };
  readonly policy: Policy;
  readonly backends: readonly BackendDeclaration[];
  readonly resources: readonly Resource[];
  readonly moved: readonly Moved[];
  readonly removed: readonly Removed[];
  readonly imports: readonly Import[];
  readonly notify?: readonly Notify[];
  /** sha256 of everything that was read, variables and environment references included. */
  readonly digest: string;
}

/** The declaration of a backend; undefined when there is none of that name. */
export const backendNamed = ({ backends }: Pick<Config, "backends">, name: string): BackendDeclaration | undefined =>
  backends.find((one) => one.name === name);
