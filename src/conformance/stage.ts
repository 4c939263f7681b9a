import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { PassThrough } from "node:stream";
import { type Attributes, address, backendName, type ImageId, imageName, type Marker } from "images";
import { Session } from "../cli/session.ts";
import type { Shell } from "../cli/shell.ts";
import type { ConformanceSpec, TestPlace } from "../core/conformance.ts";
import { resourceAt } from "../core/plan/resources.ts";
import type { Backend, Context, Plugin, ReadContext } from "../core/plugin.ts";
import { type ProgramResult, TestDirectory } from "./directory.ts";
import { lines } from "./sources.ts";
import { tracked } from "./tracked.ts";

/** What is tested, and how the program is run for it. */
export interface ClauseRequest {
  /** As in `plugin = …`: a name, or an absolute path. */
  readonly plugin: string;
  readonly spec: ConformanceSpec;
  run(directory: TestDirectory, args: readonly string[], env: Readonly<Record<string, string>>): Promise<ProgramResult>;
}

/** A clause: a guarantee of every plugin. @throws ClauseSkipped if the place does not have what the clause needs */
export type Check = (stage: TestStage) => Promise<void>;

/** `[settings] name` of a run of the suite: on a server that others use as well, its images are distinguished from theirs. */
export const NAME = `conformance-${randomBytes(4).toString("hex")}`;

/** A command of a clause ended with an error, so that the clause itself was not reached. */
export class CommandFailed extends Error {}

/** One place with a directory for images.toml: what a clause plays on. */
export class TestStage implements AsyncDisposable {
  readonly spec: ConformanceSpec;
  readonly place: TestPlace;
  readonly #request: ClauseRequest;
  /** What clauses made by the plugin itself. */
  readonly #made = new Set<ImageId>();
  readonly directory: TestDirectory;
  readonly filename: string;

  private constructor(request: ClauseRequest, place: TestPlace, directory: TestDirectory) {
    const { spec } = request;
    this.#request = request;
    this.spec = spec;
    this.place = place;
    this.directory = directory;
    this.filename = spec.filename ?? "disk.img";
  }

  /** @param place where, if not at a place of the clauses */
  static async open(request: ClauseRequest, place?: () => Promise<TestPlace>): Promise<TestStage> {
    const { spec } = request;
    const directory = await TestDirectory.make();
    const stage = new TestStage(request, await (place === undefined ? spec.place() : place()), directory);
    if (spec.bytes !== undefined) await directory.write(stage.filename, spec.bytes);
    return stage;
  }

  /** Writes images.toml with these images; attributes beside the least that is needed. */
  async declare(images: Readonly<Record<string, Attributes>>, more = ""): Promise<void> {
    const source = this.spec.bytes === undefined ? "" : `source = { file = ${JSON.stringify(`./${this.filename}`)} }\n`;
    const blocks = Object.entries(images).map(([name, attributes]) => {
      const own = "source" in attributes ? "" : source;
      return `[image.${JSON.stringify(name)}]\nbackend = "x"\n${own}${lines(attributes)}`;
    });
    const settings = more.includes("[settings]") ? more : `${more}\n[settings]\nname = "${NAME}"`;
    await this.directory.write(
      "images.toml",
      `${settings}\n[backend.x]\nplugin = ${JSON.stringify(this.#request.plugin)}\n${lines(this.place.settings)}\n${blocks.join("\n")}`,
    );
  }

  run(...args: readonly string[]): Promise<ProgramResult> {
    return this.#request.run(this.directory, args, { ...this.place.env });
  }

  /** @throws CommandFailed with the output of the command, when it fails */
  async ok(...args: readonly string[]): Promise<ProgramResult> {
    const result = await this.run(...args);
    if (result.code === 0) return result;
    const output = `${result.stderr}\n${result.stdout}`.replace(/^pinned the plugin .*\n/m, "");
    throw new CommandFailed(`images ${args.join(" ")} ended with ${result.code}:\n${output}`);
  }

  async apply(...args: readonly string[]): Promise<ProgramResult> {
    return await this.ok("apply", "--yes", ...args);
  }

  /** Nothing is left to do. @throws the plan, if something is */
  async settled(): Promise<void> {
    const said = await this.run("plan", "--detailed-exitcode");
    if (said.code !== 0)
      throw new Error(`the plan after apply is not empty (${said.code}):\n${said.stdout}\n${said.stderr}`);
  }

  /** As a fresh checkout has it: no state, no journal. */
  async loseState(): Promise<void> {
    for (const name of ["images.state.json", "images.state.json.backup", ".images"])
      await rm(this.directory.at(name), { recursive: true, force: true });
  }

  async live(): Promise<
    readonly { readonly id: string; readonly name: string; readonly ours: boolean; readonly attributes: Attributes }[]
  > {
    return JSON.parse((await this.ok("info", "x", "--json")).stdout);
  }

  async ours(): ReturnType<TestStage["live"]> {
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
        plugins: "first use",
        note: () => undefined,
      },
    );
    const backend = await session.backend(backendName("x"));
    return {
      backend: tracked(backend, this.#made),
      session,
      [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
    };
  }

  /** `plugin = …` of the backend, with these settings: the head of an images.toml. */
  head(settings: Attributes): string {
    return `[backend.x]\nplugin = ${JSON.stringify(this.#request.plugin)}\n${lines(settings)}\n`;
  }

  async plugin(): Promise<Plugin> {
    await using open = await this.backend();
    const plugin = open.session.plugins.get(backendName("x"));
    if (plugin === undefined) throw new Error("the backend has no plugin");
    return plugin;
  }

  #shell(env: Readonly<Record<string, string>>): Shell {
    const never = new AbortController().signal;
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough().resume(), new PassThrough().resume()];
    return {
      stdin,
      stdout,
      stderr,
      colorDepth: 1,
      env: { HOME: this.directory.path, ...env },
      cwd: this.directory.path,
      signal: never,
      hard: never,
      now: () => new Date(),
    };
  }

  /** Deletes what a clause left on a server that others use: images that it made, or that bear a marker of this run of the suite. */
  async #cleanUp(): Promise<void> {
    await this.declare({ small: this.spec.small });
    await using open = await this.backend();
    const left = await Array.fromAsync(open.backend.list(reading));
    for (const { id, marker } of left)
      if (marker?.file.startsWith(NAME) === true || this.#made.has(id))
        await open.backend.delete(id, recordingContext().context);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.spec.shared === true) await this.#cleanUp();
    await this.place[Symbol.asyncDispose]();
    await this.directory[Symbol.asyncDispose]();
  }
}

export const AT = address(backendName("x"), imageName("small"));
/** The image that clauses declare, as the file says it. */
export const smallResource = ({ config }: Session) => resourceAt(config, AT);
/** Another address, for images that another user makes. */
export const OTHER = address(backendName("x"), imageName("copy"));
export const MARK: Marker = {
  file: NAME,
  owner: AT,
  content: "none",
  lineage: "11111111-2222-3333-4444-555555555555",
};
/** What users write where a plugin keeps its marker. */
export const NO_MARKERS = ["images", "{", "[]", "null", '{"file":1,"owner":{}}', "file=\u0000", ""];
export const reading: ReadContext = { signal: new AbortController().signal, note: () => undefined };

/** What a plugin said while it worked. */
interface RecordedContext {
  readonly context: Context;
  readonly ids: ImageId[];
  readonly progress: {
    readonly phase: string;
    readonly done: number;
    readonly total: number | undefined;
    readonly identified: boolean;
    readonly what: string | undefined;
  }[];
}

export function recordingContext(signal: AbortSignal = reading.signal, more: Partial<Context> = {}): RecordedContext {
  const ids: ImageId[] = [];
  const progress: RecordedContext["progress"] = [];
  const desiredMarker = "desiredMarker" in more ? more.desiredMarker : MARK;
  const context: Context = {
    address: AT,
    desiredMarker,
    marker: (self) => (desiredMarker === undefined ? undefined : { ...desiredMarker, self }),
    nonce: "0123456789abcdef",
    completed: () => undefined,
    signal,
    note: () => undefined,
    progress: (phase, done, total, what) => progress.push({ phase, done, total, identified: ids.length > 0, what }),
    identified: async (id) => void ids.push(id),
    secret: async () => "",
    ...more,
  };
  return { context, ids, progress };
}
