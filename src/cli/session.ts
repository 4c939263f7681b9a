import { join, resolve } from "node:path";
import { canDownload } from "../core/abilities.ts";
import type { ApplyContext } from "../core/apply/context.ts";
import { isPluginFile } from "../core/config/backends.ts";
import { readConfig } from "../core/config/load.ts";
import { withoutPulls } from "../core/config/policy.ts";
import { Secrets } from "../core/config/secrets.ts";
import { homeOf } from "../core/disk/account.ts";
import { Failure, type Problem } from "../core/failure.ts";
import { fileIn } from "../core/format/file-in-tar.ts";
import { type BackendDeclaration, backendNamed, type Config } from "../core/model/declaration.ts";
import { type Address, type BackendName, backendOf } from "../core/model/name.ts";
import type { Schema } from "../core/model/schema.ts";
import type { Content, PlainSource, SourceSpec } from "../core/model/source.ts";
import type { State } from "../core/model/state.ts";
import type { Attributes, Value } from "../core/model/value.ts";
import type { HttpContext, RequestTrace } from "../core/net/context.ts";
import { createHttpClient, longWaitNotice } from "../core/net/http.ts";
import type { Backend, Host, Plugin } from "../core/plugin.ts";
import { isPlannedFile, measureSource, Sources, seenWithTree, unchangedNow } from "../core/source/open/index.ts";
import { applyMoved } from "../core/store/edit.ts";
import { promoted } from "../core/store/promote.ts";
import type { Store } from "../core/store/state.ts";
import type { Storage } from "../core/store/storage.ts";
import { type FileOptions, parallelismOf, type SessionOptions } from "./options.ts";
import { BUILT_IN, findPlugin } from "./plugins.ts";
import { privateDirectory, type Shell } from "./shell.ts";
import { StateSession } from "./state-session.ts";
import { withStateOption } from "./state-storage.ts";
import { both, traceOf } from "./trace.ts";

type Read = Awaited<ReturnType<typeof readConfig>>;

/** Everything that one run works with: the checked file, the state, the secrets, the open backends. */
export class Session implements AsyncDisposable {
  readonly config: Config;
  readonly plugins: ReadonlyMap<BackendName, Plugin>;
  readonly warnings: readonly Problem[];
  readonly secrets: Secrets;
  readonly storage: Storage;
  readonly keeper: StateSession;
  /** Notified of every request. */
  onRequest: ((traced: RequestTrace) => void) | undefined;
  readonly #shell: Shell;
  readonly #options: SessionOptions;
  readonly #backends = new Map<BackendName, Promise<Backend>>();
  readonly #closing: AsyncDisposable[] = [];
  #sources: Sources | undefined;

  private constructor(shell: Shell, options: SessionOptions, secrets: Secrets, read: Read) {
    this.#shell = shell;
    this.#options = options;
    this.secrets = secrets;
    this.config = read.config;
    this.plugins = read.config.policy.require.includes("https") ? withoutPulls(read.plugins) : read.plugins;
    this.warnings = read.warnings;
    const open = (http: Parameters<typeof createHttpClient>[0]) => createHttpClient(http, this.#netContext());
    this.keeper = new StateSession(shell, options, secrets, read.config.settings, open);
    this.storage = this.keeper.storage;
  }

  /** Reads the file; the state is opened by `store`. @throws Failure config.*, plugin.* */
  static async open(shell: Shell, files: FileOptions, options: SessionOptions): Promise<Session> {
    const read = await readConfig({
      file: resolve(shell.cwd, files.file),
      vars: files.vars,
      varFiles: files.varFiles.map((path) => resolve(shell.cwd, path)),
      env: shell.env,
      text: files.text,
      lookup: async (plugin, directory) => {
        if (options.plugins === "none" && isPluginFile(plugin)) return undefined;
        return await findPlugin(plugin, directory, options.plugins === "first use" ? options : "pinned");
      },
      plugins: Object.keys(BUILT_IN),
      signal: shell.signal,
    });
    const secrets = new Secrets({ directory: read.config.directory, env: shell.env });
    const settings =
      files.state === undefined ? read.config.settings : withStateOption(files.state, shell.cwd, read.config.settings);
    return new Session(shell, options, secrets, { ...read, config: { ...read.config, settings } });
  }

  /** The state, opened at the first call. @throws Failure state.* */
  store(): Promise<Store> {
    return this.keeper.store();
  }

  /** The state with the `[[moved]]` of the file, and what each moved address was called before. */
  async moved(): Promise<{ readonly state: State; readonly renamed: ReadonlyMap<Address, Address> }> {
    const store = await this.store();
    const { state, renamed, problems } = applyMoved(store.state, this.config.moved);
    if (problems.length > 0) throw new Failure("config.moved", "[[moved]] cannot be applied", { problems });
    return { state, renamed };
  }

  /** What plans and applies are made with. Moved rows are as `moved` says: an apply writes them first. */
  async applyContext(): Promise<ApplyContext> {
    const store = await this.store();
    const { state, renamed } = await this.moved();
    return {
      config: this.config,
      plugins: this.plugins,
      state,
      renamed,
      records: store,
      run: store.run,
      open: (name) => this.backend(name),
      lookNow: (spec, previous, stats) => unchangedNow(spec, previous, { stats }),
      look: async (spec, before, signal, quick) =>
        await this.sources().lookAt(await this.#plain(spec, before, signal), before, signal, quick),
      measure: (spec, wanted, signal) => measureSource(spec, wanted, this.#shell.env, signal),
      sent: async (spec, wanted, of) =>
        await this.sources().sent(await this.#plainOf(spec, of.signal), wanted, { ...of, progress: () => {} }),
      fetch: async (spec, wanted, opening) =>
        await this.sources().open(await this.#plainOf(spec, opening.signal, opening.expected), wanted, opening),
      secret: (reference) => this.secrets.resolve(reference, { signal: this.#shell.signal }),
      signal: this.#shell.signal,
      hard: this.#shell.hard,
      ...parallelismOf(this.#options, this.config),
      now: () => this.#shell.now(),
    };
  }

  readonly #plainOf = async (spec: SourceSpec, signal: AbortSignal, previous?: Content): Promise<PlainSource> =>
    isPlannedFile(spec, previous) ? spec : (await this.#plain(spec, previous, signal)).spec;

  /** A source that another state tells of as what it means. */
  async #plain(spec: SourceSpec, previous: Content | undefined, signal: AbortSignal) {
    if (spec.kind !== "promoted") return await seenWithTree(spec, this.#shell.env, signal);
    const storage = this.keeper.elsewhere(spec.state, "source.state");
    const found = await promoted(spec, previous, storage, this.#shell.now(), signal);
    const text = `${spec.address} was created from an http:// URL, and [policy] requires https`;
    if (this.config.policy.require.includes("https") && found.kind === "url" && /^http:/i.test(found.urls[0] ?? ""))
      throw new Failure("config.policy", text, { at: spec.at });
    return { spec: found };
  }

  /** Where bytes come from, for this run. */
  sources(): Sources {
    this.#sources ??= new Sources({
      env: this.#shell.env,
      signal: this.#shell.signal,
      maskSecret: (secret) => this.secrets.maskSecret(secret),
      note: this.#options.note,
      limit: this.config.settings.maxSize,
      httpsOnly: this.config.policy.require.includes("https"),
      http: (options) => this.#http(options),
      secret: (reference) => this.secrets.text(reference, { signal: this.#shell.signal }),
      download: (address, signal) => this.#download(address, signal),
      made: async (address) => (await this.store()).recorded(address),
    });
    return this.#sources;
  }

  /** One backend, opened at the first call, with its secrets resolved. @throws Failure: of its plugin, or config.secret */
  backend(name: BackendName): Promise<Backend> {
    const opening = this.#backends.get(name) ?? this.#openBackend(name);
    this.#backends.set(name, opening);
    return opening;
  }

  async #openBackend(name: BackendName): Promise<Backend> {
    const declaration = backendNamed(this.config, name);
    const plugin = this.plugins.get(name);
    if (declaration === undefined || plugin === undefined) {
      const known = this.config.backends.map((one) => one.name).join(", ");
      throw new Failure("plan.backend", `there is no backend ${name} in ${this.config.file}`, {
        hint: `declared: ${known || "none"}`,
      });
    }
    const settings = await this.#resolved(plugin.config, declaration);
    const backend = await plugin.open(settings, this.#host(declaration));
    this.#closing.push(backend);
    return backend;
  }

  /** The settings with every secret in the place of its reference. */
  async #resolved(schema: Schema, { settings, at }: BackendDeclaration): Promise<Attributes> {
    const entries = Object.entries(settings).map(async ([name, value]): Promise<[string, Value]> => {
      if (schema[name]?.sensitive !== true || typeof value !== "string") return [name, value];
      return [name, await this.secrets.resolve(value, { at, signal: this.#shell.signal })];
    });
    return Object.fromEntries(await Promise.all(entries));
  }

  #host({ name, limits }: BackendDeclaration): Host {
    const { resources } = this.config;
    let declared: Host["declared"];
    return {
      backend: name,
      file: this.config.settings.name,
      directory: this.config.directory,
      env: this.#shell.env,
      get declared() {
        const own = () => resources.filter(({ backend }) => backend === name);
        declared ??= Object.fromEntries(own().map(({ address, want }) => [address, want]));
        return declared;
      },
      signal: this.#shell.hard,
      httpsOnly: this.config.policy.require.includes("https"),
      http: (options) => this.#http(options, limits),
      maskSecret: (secret) => this.secrets.maskSecret(secret),
      fileIn,
      scratch: () =>
        privateDirectory(
          join(this.#shell.env["XDG_STATE_HOME"] ?? join(homeOf(this.#shell.env), ".local", "state"), "images"),
        ),
    };
  }

  #http(options: Parameters<Host["http"]>[0], limits?: BackendDeclaration["limits"]) {
    const { onRetry, ...context } = this.#netContext();
    const http = createHttpClient(options, {
      ...context,
      signal: this.#shell.hard,
      onRetry: both(onRetry, longWaitNotice(this.#options.note)),
      ...(limits === undefined ? {} : { limits, patient: true }),
    });
    this.#closing.push(http);
    return http;
  }

  /** Without a signal: the state is written down, and its lock given back, however a run is ended. */
  #netContext(): Pick<HttpContext, "redact" | "maskSecret" | "env" | "onRequest" | "onDetail" | "onRetry"> {
    const { onRequest, ...logged } = traceOf(this.#shell);
    const redact = (text: string) => this.secrets.redact(text);
    const maskSecret = (text: string) => this.secrets.maskSecret(text);
    const all = both(onRequest, (traced: RequestTrace) => this.onRequest?.(traced));
    return { ...logged, onRequest: all, redact, maskSecret, env: this.#shell.env };
  }

  async #download(address: Address, signal: AbortSignal) {
    const known = (await this.store()).recorded(address);
    const backend = await this.backend(backendOf(address));
    if (known?.status === "ready" && canDownload(backend))
      return await backend.download(known.id, { signal, note: this.#options.note });
    const why = known?.status === "ready" ? "its backend does not support downloads" : "it is not there";
    throw new Failure("source.address", `the bytes of ${address} are not available: ${why}`, { address });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const errors: unknown[] = [];
    const close = (one: AsyncDisposable | undefined) =>
      Promise.resolve(one?.[Symbol.asyncDispose]()).catch((error: unknown) => errors.push(error));
    await close(this.#sources);
    for (const one of this.#closing.reverse()) await close(one);
    await close(this.keeper);
    if (errors.length > 0) throw errors[0];
  }
}
