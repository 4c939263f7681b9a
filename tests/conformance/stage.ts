import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { PassThrough } from "node:stream";
import {
  type Attributes,
  address,
  backendName,
  digest,
  Failure,
  type ImageId,
  imageName,
  type Mark,
  type Source,
  type Value,
} from "images";
import { Session } from "../../src/cli/session.ts";
import type { Shell } from "../../src/cli/shell.ts";
import type { Backend, Context, Reading } from "../../src/core/plugin.ts";
import { Folder, run, type Said } from "../harness.ts";
import type { Place, Spec } from "./place.ts";

/** One place with a folder for images.toml: what a clause plays on. */
export class Stage implements AsyncDisposable {
  readonly spec: Spec;
  readonly place: Place;
  readonly folder: Folder;
  readonly filename: string;

  private constructor(spec: Spec, place: Place, folder: Folder) {
    this.spec = spec;
    this.place = place;
    this.folder = folder;
    this.filename = spec.filename ?? "disk.img";
  }

  static async open(spec: Spec, place: () => Promise<Place> = () => spec.place()): Promise<Stage> {
    const folder = await Folder.make();
    const stage = new Stage(spec, await place(), folder);
    if (spec.bytes !== undefined) await folder.write(stage.filename, spec.bytes);
    return stage;
  }

  /** Writes images.toml with these images; attributes beside the least that is needed. */
  async declare(images: Readonly<Record<string, Attributes>>, more = ""): Promise<void> {
    const source = this.spec.bytes === undefined ? "" : `source = { file = ${JSON.stringify(`./${this.filename}`)} }\n`;
    const blocks = Object.entries(images).map(([name, attributes]) => {
      const own = attributes["source"] === undefined ? source : "";
      return `[image.${JSON.stringify(name)}]\nbackend = "x"\n${own}${lines(attributes)}`;
    });
    await this.folder.write(
      "images.toml",
      `${more}\n[backend.x]\nplugin = ${JSON.stringify(this.spec.plugin)}\n${lines(this.place.settings)}\n${blocks.join("\n")}`,
    );
  }

  run(...args: readonly string[]): Promise<Said> {
    return run(this.folder, args, { env: { ...this.place.env } });
  }

  /** @throws what the program said, when it failed */
  async ok(...args: readonly string[]): Promise<Said> {
    const said = await this.run(...args);
    if (said.code !== 0)
      throw new Error(`images ${args.join(" ")} ended with ${said.code}:\n${said.stderr}\n${said.stdout}`);
    return said;
  }

  async apply(...args: readonly string[]): Promise<Said> {
    return await this.ok("apply", "--yes", ...args);
  }

  /** The law: nothing is left to do. @throws the plan, where something is */
  async settled(): Promise<void> {
    const said = await this.run("plan", "--detailed-exitcode");
    if (said.code !== 0)
      throw new Error(`the plan after apply is not empty (${said.code}):\n${said.stdout}\n${said.stderr}`);
  }

  /** As a fresh checkout has it: no state, no journal. */
  async loseState(): Promise<void> {
    for (const name of ["images.state.json", "images.state.json.backup", ".images"])
      await rm(this.folder.at(name), { recursive: true, force: true });
  }

  async live(): Promise<
    readonly { readonly id: string; readonly name: string; readonly ours: boolean; readonly attributes: Attributes }[]
  > {
    return JSON.parse((await this.ok("info", "x", "--json")).stdout);
  }

  async ours(): ReturnType<Stage["live"]> {
    return (await this.live()).filter(({ ours }) => ours);
  }

  /** The open backend itself, for clauses about the contract's methods. */
  async backend(
    settings = this.place,
  ): Promise<{ backend: Backend; session: Session; [Symbol.asyncDispose](): Promise<void> }> {
    const session = await Session.open(
      this.#shell(settings.env ?? {}),
      { file: "images.toml", state: undefined, vars: {}, varFiles: [] },
      {
        operation: "test",
        write: false,
        note: () => undefined,
      },
    );
    const backend = await session.backend(backendName("x"));
    return { backend, session, [Symbol.asyncDispose]: () => session[Symbol.asyncDispose]() };
  }

  #shell(env: Readonly<Record<string, string>>): Shell {
    const never = new AbortController().signal;
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough().resume(), new PassThrough().resume()];
    return {
      stdin,
      stdout,
      stderr,
      colorDepth: 1,
      env: { HOME: this.folder.path, ...env },
      cwd: this.folder.path,
      signal: never,
      hard: never,
      now: () => new Date(),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.place[Symbol.asyncDispose]();
    await this.folder[Symbol.asyncDispose]();
  }
}

export const AT = address(backendName("x"), imageName("small"));
/** Another address, for images that somebody else makes. */
export const OTHER = address(backendName("x"), imageName("copy"));
export const MARK: Mark = {
  file: "images",
  owner: AT,
  content: "none",
  lineage: "11111111-2222-3333-4444-555555555555",
};
export const reading: Reading = { signal: new AbortController().signal, note: () => undefined };

/** What a plugin said while it worked. */
export interface Heard {
  readonly context: Context;
  readonly ids: ImageId[];
  readonly progress: {
    readonly phase: string;
    readonly done: number;
    readonly total: number | undefined;
    readonly identified: boolean;
  }[];
}

export function listening(signal: AbortSignal = reading.signal, more: Partial<Context> = {}): Heard {
  const ids: ImageId[] = [];
  const progress: Heard["progress"] = [];
  const mark = "mark" in more ? more.mark : MARK;
  const context: Context = {
    address: AT,
    mark,
    marker: (self) => (mark === undefined ? undefined : { ...mark, self }),
    nonce: "0123456789abcdef",
    completed: () => undefined,
    signal,
    note: () => undefined,
    progress: (phase, done, total) => progress.push({ phase, done, total, identified: ids.length > 0 }),
    identified: async (id) => void ids.push(id),
    secret: async () => "",
    ...more,
  };
  return { context, ids, progress };
}

/** Bytes as a source. `wrong`: they turn out not to be the declared ones, just before the last piece. */
export function sourceOf(
  bytes: Uint8Array,
  filename: string,
  format: Source["format"],
  { wrong = false, halfway }: { wrong?: boolean; halfway?: (signal: AbortSignal) => Promise<void> } = {},
): Source {
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return {
    format,
    compression: "none",
    size: bytes.byteLength,
    filename,
    async *open(signal) {
      const half = bytes.byteLength >> 1;
      yield bytes.subarray(0, half);
      await halfway?.(signal);
      signal.throwIfAborted();
      if (wrong) throw new Failure("source.digest", "the bytes are not the declared ones");
      yield bytes.subarray(half);
    },
    digests: async () => ({ sha256: digest("sha256", sha256) }),
  };
}

/** The bytes of a stage as a source; undefined: its images are made from something else. */
export const sourceFor = (
  { spec, filename }: Stage,
  more: Parameters<typeof sourceOf>[3] = {},
  bytes = spec.bytes,
): Source | undefined => (bytes === undefined ? undefined : sourceOf(bytes, filename, formatOf(filename), more));

const formatOf = (filename: string): Source["format"] =>
  filename.includes("qcow2") ? "qcow2" : filename.includes(".tar") ? "tar" : "raw";

const lines = (attributes: Attributes): string =>
  Object.entries(attributes)
    .map(([name, value]) => `${name} = ${toml(value)}\n`)
    .join("");

export const toml = (value: Value): string => {
  if (Array.isArray(value)) return `[${value.map(toml).join(", ")}]`;
  if (typeof value === "object")
    return `{ ${Object.entries(value)
      .map(([key, one]) => `${JSON.stringify(key)} = ${toml(one)}`)
      .join(", ")} }`;
  return JSON.stringify(value);
};
