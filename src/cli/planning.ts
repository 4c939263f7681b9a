import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { Option } from "clipanion";
import { show } from "../core/disk/lock.ts";
import { identity, isDead, probe } from "../core/disk/process.ts";
import { Failure } from "../core/failure.ts";
import { backendNamed } from "../core/model/declaration.ts";
import type { Event } from "../core/model/event.ts";
import type { Plan, PlanMode } from "../core/model/plan.ts";
import { hasChanges } from "../core/model/plan.ts";
import type { Selection } from "../core/plan/context.ts";
import { makePlan } from "../core/plan/planner.ts";
import type { Store } from "../core/store/state.ts";
import { PEEK } from "../core/store/storage.ts";
import { Channel } from "../core/stream.ts";
import { EXIT, FileCommand, optionCount, optionSeconds, textOf } from "./base.ts";
import { checkWritable, parseReport, type ReportOption, writing } from "./output.ts";
import { failureInJson } from "./render/envelope.ts";
import { chooseRenderer, FileSink } from "./render/index.ts";
import { json } from "./render/json.ts";
import { renderPlan } from "./render/plan.ts";
import { tee } from "./render/renderer.ts";
import { REPORTS, report } from "./render/report.ts";
import { RunCollector } from "./render/run-report.ts";
import { printable } from "./render/text.ts";
import { RunObserver } from "./run-observer.ts";
import type { Session } from "./session.ts";
import { VERSION } from "./version.ts";

interface JsonStream {
  readonly feed: Channel<Event>;
  readonly ended: Promise<void>;
}

/** The options that plan, apply and destroy have in common, under the names that terraform's users know. */
export abstract class PlanningCommand extends FileCommand {
  readonly json = Option.String("--json", {
    tolerateBoolean: true,
    description: "Print NDJSON in the format of terraform; --json=FILE writes it to a file",
  });
  readonly targets = Option.Array("--target", [], { description: "Limit to addresses (globs), backends or images" });
  readonly excludes = Option.Array("--exclude", [], { description: "Exclude addresses (globs), backends or images" });
  readonly replacing = Option.Array("--replace", [], { description: "Force replacement of these images" });
  readonly refreshOnly = Option.Boolean("--refresh-only", false, {
    description: "Only update the state",
  });
  readonly refresh = Option.Boolean("--refresh", true, {
    description: "Read the backends before planning (default); --no-refresh trusts the state",
  });
  readonly adopt = Option.Boolean("--adopt", false, {
    description: "Adopt unmanaged images of the same name",
  });
  readonly detailedExitcode = Option.Boolean("--detailed-exitcode", false, {
    description: "Exit with 2 if there are changes",
  });
  readonly parallelism = Option.String("--parallelism", { description: "Number of concurrent operations" });
  readonly lockTimeout = Option.String("--lock-timeout", {
    description: "Time to wait for the state lock (30s, 5m)",
  });
  readonly reports = Option.Array("--report", [], { description: `Write a report: ${REPORTS.join(", ")}` });

  protected readonly gathered = new RunCollector(() => this.context.now().getTime());
  #stream: JsonStream | undefined;
  #isReading = false;
  /** What there is to tell of the run at its end. */
  #watcher: RunObserver | undefined;
  #plan: Plan | undefined;
  #thrown: unknown;

  protected get isJsonOnly(): boolean {
    return this.json === true || this.json === "";
  }

  protected override fail(thrown: unknown): void {
    this.#thrown ??= thrown;
    super.fail(thrown);
  }

  protected override failInJson(thrown: unknown): void {
    if (!this.isJsonOnly) return;
    const text = failureInJson(thrown, VERSION, this.context.now().getTime(), textOf);
    this.out.data.write(this.#stream === undefined ? text : text.slice(text.indexOf("\n") + 1));
  }

  get #reportWishes(): readonly ReportOption[] {
    return this.reports.map((text) => parseReport(text, this.context.cwd));
  }

  protected override async prepare(): Promise<void> {
    await super.prepare();
    optionCount("--parallelism", this.parallelism, 1);
    if (this.refreshOnly && !this.refresh)
      throw new Failure("cli.usage", "--refresh-only and --no-refresh exclude each other", {
        hint: "pass one of them",
      });
    for (const { path } of this.#reportWishes) await checkWritable("--report", path);
    if (this.#jsonFile !== undefined) await checkWritable("--json", this.#jsonFile);
  }

  protected wish(operation: string, write: boolean) {
    this.#isReading = !write;
    return {
      operation,
      write,
      plugins: "first use" as const,
      lockTimeout: optionSeconds("--lock-timeout", this.lockTimeout),
      parallelism: optionCount("--parallelism", this.parallelism, 1),
    };
  }

  protected selection(mode: PlanMode, digests = false): Selection {
    return {
      mode: mode === "normal" && this.refreshOnly ? "refresh-only" : mode,
      targets: this.targets,
      excludes: this.excludes,
      replace: this.replacing,
      refresh: this.refresh,
      adopt: this.adopt,
      digests,
    };
  }

  /** Makes a plan while it is shown what goes on; the plan itself is shown on stdout. `digests`: for a plan that is kept. */
  protected async planned(session: Session, mode: PlanMode, digests = false): Promise<Plan> {
    const context = await session.applyContext();
    if (this.#isReading) await this.#tellHolder(session);
    const plan = await this.watch(makePlan(context, this.selection(mode, digests)), session, undefined);
    this.#plan = plan;
    if (!this.isJsonOnly) this.out.data.write(renderPlan(plan, this.view("data")));
    for (const { message } of session.warnings) this.note(`warning: ${message}`);
    return plan;
  }

  /** A run that holds the lock may change what this plan reads. The lock is read, not taken. */
  async #tellHolder(session: Session): Promise<void> {
    if (!session.storage.canPeek) return;
    const holder = await session.storage.holder(this.context.signal).catch(() => undefined);
    if (holder === undefined || holder.operation === PEEK || isDead(holder, identity(), probe)) return;
    this.note(`warning: the state is locked by ${printable(show(holder))}; this plan may be stale`);
  }

  /** Reads a stream of events to its end: on the screen, as JSON, in the journal of the run, and for reports. */
  protected async watch<R>(
    events: AsyncIterable<Event, R>,
    session: Session,
    store: Store | undefined,
    plan?: Plan,
  ): Promise<R> {
    this.#plan ??= plan;
    const json = this.#jsonStream(session);
    const human = this.isJsonOnly
      ? async () => undefined
      : chooseRenderer({
          json: { to: "nowhere" },
          env: this.context.env,
          talk: this.out.diagnostics,
          version: VERSION,
          style: this.view("diagnostics").style,
          plan,
        });
    const rest = async (all: AsyncIterable<Event>) => {
      for await (const event of all) {
        store?.record(event);
        json?.feed.send(event);
        this.#watcher?.take(event);
        this.gathered.take(event);
      }
    };
    return await tee(events, (all) => human(all, this.out), rest);
  }

  /** One stream of JSON for the whole command, whatever it watches one after the other. */
  #jsonStream(session: Session): JsonStream | undefined {
    const { isJsonOnly } = this;
    if (this.#stream !== undefined || (!isJsonOnly && this.#jsonFile === undefined)) return this.#stream;
    const plugin = (backend: string) => backendNamed(session.config, backend)?.plugin;
    const file = this.#jsonFile === undefined ? undefined : new FileSink(this.#jsonFile, (text) => this.redact(text));
    const feed = new Channel<Event>();
    const ended = json({ version: VERSION, plugin })(feed, { ...this.out, data: file ?? this.out.data }).finally(() =>
      file?.[Symbol.dispose](),
    );
    // Told at the end of the command; until then a failed write is no unhandled rejection.
    ended.catch(() => undefined);
    this.#stream = { feed, ended };
    return this.#stream;
  }

  override async execute(): Promise<number> {
    const code = await super.execute();
    await this.#watcher?.end({ plan: this.#plan, report: this.gathered.report, thrown: this.#thrown }, code);
    try {
      await this.#endJson();
      return code;
    } catch (thrown) {
      this.failOnScreen(thrown);
      return code === EXIT.interrupted ? code : EXIT.failed;
    }
  }

  protected override async openSession(...args: Parameters<FileCommand["openSession"]>): Promise<Session> {
    const session = await super.openSession(...args);
    this.#watcher = await RunObserver.of(session, this.path[0] ?? "images", this.context, (text) => this.note(text));
    return session;
  }

  async #endJson(): Promise<void> {
    this.#stream?.feed.close();
    await this.#stream?.ended;
  }

  get #jsonFile(): string | undefined {
    return typeof this.json === "string" && this.json !== "" ? resolve(this.context.cwd, this.json) : undefined;
  }

  protected async writeReports(plan: Plan, session: Session): Promise<void> {
    if (this.reports.length === 0) return;
    const { state } = await session.store();
    const known = { state, redact: (text: string) => this.redact(text) };
    for (const { kind, path } of this.#reportWishes)
      await writing(path, () => writeFile(path, report(kind, plan, this.gathered.report, known)));
  }

  protected exitCode(plan: Plan): number {
    if (plan.outages.length > 0 || plan.steps.some(({ action }) => action === "block")) return EXIT.failed;
    return this.detailedExitcode && (hasChanges(plan) || (plan.mode === "refresh-only" && plan.drift.length > 0))
      ? EXIT.changes
      : EXIT.done;
  }
}
