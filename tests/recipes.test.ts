import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod, copyFile, cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { delimiter, join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { parse } from "yaml";
import { BRIEF, listed, type ProgramResult, TestDirectory } from "./harness.ts";

// The pages of docs/ci, run as far as a machine without those services can: the steps of their jobs by the shells that the services use,
// with the compiled binary (installed by install.sh, as there) and the embedded store.

const ROOT = resolve(import.meta.dir, "..");
const BINARY = join(ROOT, "dist", "images");
const NAME = `images-${process.platform}-${process.arch}`;
type Env = Readonly<Record<string, string>>;

/** The fenced block of a page that has this in its first lines. */
async function block(page: string, words: string): Promise<string> {
  const text = await readFile(join(ROOT, "docs", "ci", page), "utf8");
  const found = [...text.matchAll(/^```[^\n]*\n(.*?)^```$/gms)].map(([, body = ""]) => body);
  const one = found.find((body) => body.split("\n").slice(0, 3).join("\n").includes(words));
  if (one === undefined) throw new Error(`${page} has no block with ${words}`);
  return one;
}

/** A service: a release to install from, and the notes of merge requests that it was given. */
const notes: { readonly path: string; readonly token: string | null; readonly body: string | null }[] = [];
let server: Bun.Server<undefined>;
let url = "";
beforeAll(async () => {
  const program = `#!/bin/sh\nexec '${BINARY}' "$@"\n`;
  const packed = new Uint8Array(gzipSync(program));
  const sum = new Bun.CryptoHasher("sha256").update(packed).digest("hex");
  const files: Readonly<Record<string, string | Uint8Array<ArrayBuffer>>> = {
    "install.sh": await readFile(join(ROOT, "install.sh"), "utf8"),
    SHA256SUMS: `${sum}  ${NAME}.gz\n`,
    [`${NAME}.gz`]: packed,
  };
  server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const { pathname: path } = new URL(request.url);
      if (request.method === "POST") {
        const body = new URLSearchParams(await request.text()).get("body");
        notes.push({ path, token: request.headers.get("private-token"), body });
        return new Response("{}", { status: 201 });
      }
      const text = files[path.slice("/release/".length)];
      return text === undefined ? new Response("not here", { status: 404 }) : new Response(text);
    },
  });
  url = `http://127.0.0.1:${server.port}`;
});
afterAll(() => server.stop(true));

/** A repository with images.toml, and what is outside of it: the store, the state, the bytes. */
class Project implements AsyncDisposable {
  readonly directory: TestDirectory;
  #checkouts = 0;

  private constructor(directory: TestDirectory) {
    this.directory = directory;
  }

  static async make(): Promise<Project> {
    const project = new Project(await TestDirectory.make({ "debian.img": "a small disk\n".repeat(5000) }));
    await mkdir(project.directory.at("repository"));
    await project.declare("debian");
    return project;
  }

  /** Writes images.toml with these images; `source` is a file beside the repository. */
  async declare(...names: readonly string[]): Promise<void> {
    await this.write(names.map((name) => `[image.${name}]\nsource = "${this.directory.at("debian.img")}"\n`));
  }

  async write(images: readonly string[]): Promise<void> {
    const head = `[settings]\nname = "images"\nstate = "${this.directory.at("images.state.json")}"\n\n[backend.store]\nplugin = "local"\n`;
    const text = [`${head}path = "${this.directory.at("store")}"\n`, ...images].join("\n");
    await writeFile(this.directory.at("repository", "images.toml"), text);
  }

  /** The repository in a new directory, as each job of a service finds it. */
  async checkout(): Promise<string> {
    const to = this.directory.at(`checkout-${++this.#checkouts}`);
    await cp(this.directory.at("repository"), to, { recursive: true });
    return to;
  }

  async images(): Promise<readonly string[]> {
    return await listed(this.directory.at("store", "images")).catch(() => []);
  }

  async run(command: readonly string[], cwd: string, env: Env, path: readonly string[] = []): Promise<ProgramResult> {
    const own = {
      HOME: this.directory.path,
      IMAGES_CACHE: this.directory.at("cache"),
      XDG_STATE_HOME: this.directory.at("own"),
      IMAGES_ALLOW_HTTP: "yes",
    };
    const PATH = [...path, process.env["PATH"] ?? ""].join(delimiter);
    const child = Bun.spawn([...command], {
      cwd,
      env: { PATH, ...BRIEF, ...own, ...env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [code, stdout, stderr] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()]);
    return { code, stdout, stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.directory[Symbol.asyncDispose]();
  }
}

describe("GitHub Actions", () => {
  interface Step {
    readonly uses?: string;
    readonly run?: string;
    readonly if?: string;
    readonly env?: Env;
    readonly with?: Env;
  }
  interface Workflow {
    readonly env: Env;
    readonly jobs: Readonly<Record<string, { readonly if: string; readonly steps: readonly Step[] }>>;
  }
  interface Event {
    readonly name: "pull_request" | "push";
    readonly labels?: readonly string[];
  }

  /** The few expressions that the recipe has. */
  const holds = (text: string, event: Event): boolean => {
    const [, name] = /^github\.event_name == '(\w+)'$/.exec(text) ?? [];
    if (name !== undefined) return event.name === name;
    const [, label] = /^!contains\(github\.event\.pull_request\.labels\.\*\.name, '([\w-]+)'\)$/.exec(text) ?? [];
    if (label !== undefined) return !(event.labels ?? []).includes(label);
    if (text === "always()") return true;
    throw new Error(`the expression ${text} is unknown here`);
  };
  const filled = (env: Env = {}): Env => {
    const known: Env = { "vars.IMAGES_FROM": `${url}/release`, "secrets.LINODE_TOKEN": "a-token" };
    const value = (text: string) => text.replace(/\$\{\{ ([\w.]+) \}\}/g, (_, name: string) => known[name] ?? "");
    return Object.fromEntries(Object.entries(env).map(([name, text]) => [name, value(text)]));
  };

  /** Runs the jobs of an event; says what the last step answered, the summary and the directory. */
  async function happens(
    project: Project,
    event: Event,
  ): Promise<ProgramResult & { readonly summary: string; readonly at: string }> {
    const workflow: Workflow = parse(await block("github.md", "name: images"));
    const jobs = Object.values(workflow.jobs).filter((one) => holds(one.if, event));
    expect(jobs).toHaveLength(1);
    const at = await project.checkout();
    const runner = await TestDirectory.make({ summary: "", path: "" });
    await using _ = runner;
    const files = {
      GITHUB_STEP_SUMMARY: runner.at("summary"),
      GITHUB_PATH: runner.at("path"),
      RUNNER_TEMP: runner.path,
    };
    let said: ProgramResult = { code: 0, stdout: "", stderr: "" };
    for (const step of jobs.flatMap(({ steps }) => steps)) {
      if (said.code !== 0 && step.if !== "always()") continue;
      if (step.if !== undefined && !holds(step.if, event)) continue;
      if (step.uses?.startsWith("actions/upload-artifact@")) await readFile(join(at, step.with?.["path"] ?? ""));
      if (step.run === undefined) continue;
      await runner.write("step.sh", step.run);
      const path = (await readFile(runner.at("path"), "utf8")).split("\n").filter((line) => line !== "");
      const env = { ...files, CI: "true", GITHUB_ACTIONS: "true", ...filled(workflow.env), ...filled(step.env) };
      const one = await project.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", runner.at("step.sh")],
        at,
        env,
        path,
      );
      if (said.code === 0) said = one;
    }
    return { ...said, summary: await readFile(runner.at("summary"), "utf8"), at };
  }

  test("a pull request shows its plan, a push applies it, and a delete needs a label", async () => {
    await using project = await Project.make();
    const planned = await happens(project, { name: "pull_request" });
    expect([planned.code, planned.stderr]).toEqual([0, planned.stderr]);
    expect(planned.summary).toContain("1 to add, 0 to change, 0 to destroy");
    expect(await project.images()).toEqual([]);

    const applied = await happens(project, { name: "push" });
    expect([applied.code, applied.stderr]).toEqual([0, applied.stderr]);
    expect(applied.summary).toContain("1 added, 0 changed, 0 destroyed");
    expect(await project.images()).toHaveLength(1);
    expect(read(await readFile(join(applied.at, "events.ndjson"), "utf8"))).toEqual({
      resources: { 'image.debian["store"]': "create" },
      summary: { add: 1, change: 0, remove: 0, operation: "apply" },
      errors: [],
    });

    await project.declare("other");
    const refused = await happens(project, { name: "pull_request" });
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain('image.debian[\\"store\\"]');
    expect((await happens(project, { name: "pull_request", labels: ["deletes-images"] })).code).toBe(0);
  }, 300_000);

  test("an apply that fails fails the job, with its summary and its events", async () => {
    await using project = await Project.make();
    const good = `[image.good]\nsource = "${project.directory.at("debian.img")}"\n`;
    await project.write([
      good,
      `[image.bad]\nsource = { file = "${project.directory.at("debian.img")}", checksum = "md5:${"0".repeat(32)}" }\n`,
    ]);
    const { code, summary, at } = await happens(project, { name: "push" });
    expect(code).toBe(1);
    expect(summary).toContain("store/bad");
    const { errors } = read(await readFile(join(at, "events.ndjson"), "utf8"));
    expect(errors.length).toBeGreaterThan(0);
  }, 300_000);
});

interface Line {
  readonly "@level": string;
  readonly "@message": string;
  readonly "@module": string;
  readonly "@timestamp": string;
  readonly type: string;
  readonly hook?: { readonly resource: { readonly addr: string }; readonly action: string };
  readonly changes?: {
    readonly add: number;
    readonly change: number;
    readonly remove: number;
    readonly operation: string;
  };
  readonly diagnostic?: { readonly severity: string; readonly summary: string };
}

/** What a reader of terraform's stream makes of one: the version first, types that it does not know passed over, resources by `addr`. */
function read(text: string) {
  const lines = text
    .trimEnd()
    .split("\n")
    .map((line): Line => JSON.parse(line));
  expect(lines[0]?.type).toBe("version");
  const resources: Record<string, string> = {};
  const started = new Set<string>();
  for (const line of lines) {
    for (const key of ["@level", "@message", "@module", "@timestamp"] as const) expect(line[key]).toBeString();
    expect(line["@timestamp"]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(?:Z|[+-]\d\d:\d\d)$/);
    const { type, hook } = line;
    if (hook === undefined) continue;
    if (type === "apply_start") started.add(hook.resource.addr);
    if (type !== "apply_complete") continue;
    expect(started.has(hook.resource.addr)).toBe(true);
    resources[hook.resource.addr] = hook.action;
  }
  const { add, change, remove, operation } = lines.findLast(({ type }) => type === "change_summary")?.changes ?? {};
  const errors = lines.flatMap(({ diagnostic }) => (diagnostic?.severity === "error" ? [diagnostic.summary] : []));
  return { resources, summary: { add, change, remove, operation }, errors };
}

describe("GitLab CI", () => {
  interface Job {
    readonly rules: readonly { readonly if: string; readonly when?: string }[];
    readonly needs?: readonly string[];
    readonly before_script?: readonly string[];
    readonly script: readonly string[];
    readonly artifacts?: { readonly paths: readonly string[]; readonly reports: Env };
  }
  /** `$A == "x" && $B`, as the recipe has them. */
  const holds = (rule: string, env: Env): boolean =>
    rule.split(" && ").every((part) => {
      const [left = "", right] = part.split(" == ");
      const value = (word: string) => (word.startsWith("$") ? (env[word.slice(1)] ?? "") : word.replaceAll('"', ""));
      return right === undefined ? value(left) !== "" : value(left) === value(right);
    });
  /** GitLab's own, of the page on terraform reports. */
  const JQ =
    '([.resource_changes[]?.change.actions?]|flatten)|{"create":(map(select(.=="create"))|length),"update":(map(select(.=="update"))|length),"delete":(map(select(.=="delete"))|length)}';

  class Pipeline {
    readonly #project: Project;
    readonly #env: Env;
    readonly #kept = new Map<string, string>();

    constructor(project: Project, env: Env) {
      this.#project = project;
      const api = { CI_API_V4_URL: `${url}/api/v4`, CI_PROJECT_ID: "7", CI_MERGE_REQUEST_IID: "12" };
      this.#env = {
        CI: "true",
        GITLAB_CI: "true",
        CI_DEFAULT_BRANCH: "main",
        IMAGES_FROM: `${url}/release`,
        ...api,
        ...env,
      };
    }

    /** Runs the jobs of the pipeline, those by hand as well, in new directories that get the artifacts; stops at the first that fails. */
    async run(): Promise<readonly (readonly [name: string, ProgramResult])[]> {
      const { stages, default: all, ...jobs } = parse(await block("gitlab.md", "stages:"));
      expect(stages).toEqual(Object.keys(jobs));
      const ran: (readonly [string, ProgramResult])[] = [];
      for (const [name, job] of Object.entries<Job>(jobs)) {
        if (!job.rules.some((rule) => holds(rule.if, this.#env))) continue;
        ran.push([name, await this.job(job, all.before_script)]);
        if (ran.at(-1)?.[1].code !== 0) break;
      }
      return ran;
    }

    async job(job: Job, before: readonly string[]): Promise<ProgramResult> {
      const at = await this.#project.checkout();
      if (job.needs !== undefined) for (const [name, from] of this.#kept) await copyFile(from, join(at, name));
      const script = ["set -eo pipefail", ...(job.before_script ?? before), ...job.script].join("\n");
      const said = await this.#project.run(["bash", "-c", script], at, { ...this.#env, CI_PROJECT_DIR: at });
      for (const name of [...(job.artifacts?.paths ?? []), ...Object.values(job.artifacts?.reports ?? {})])
        this.#kept.set(name, join(at, name));
      return said;
    }

    async artifact(name: string): Promise<string> {
      return await readFile(this.#kept.get(name) ?? name, "utf8");
    }
  }

  test("a merge request gets a report and a note", async () => {
    await using project = await Project.make();
    const env = { CI_PIPELINE_SOURCE: "merge_request_event", IMAGES_NOTE_TOKEN: "a-token" };
    const pipeline = new Pipeline(project, env);
    const ran = await pipeline.run();
    expect(ran.map(([name, { code, stderr }]) => [name, code, stderr])).toEqual(
      ran.map(([name, { stderr }]) => [name, 0, stderr]),
    );
    expect(ran.map(([name]) => name)).toEqual(["plan", "note"]);
    const report = JSON.parse(await pipeline.artifact("plan-report.json"));
    expect(report).toEqual({ create: 1, update: 0, delete: 0 });
    expect(await pipeline.artifact("images.xml")).toStartWith("<?xml");
    const { path, token, body } = notes.at(-1) ?? {};
    expect([path, token]).toEqual(["/api/v4/projects/7/merge_requests/12/notes", "a-token"]);
    expect(body).toBe(await pipeline.artifact("plan.md"));
    expect(body).toContain("1 to add, 0 to change, 0 to destroy");
    expect(await project.images()).toEqual([]);
    if (Bun.which("jq") !== null) {
      await project.directory.write("plan.json", await pipeline.artifact("plan.json"));
      const { stdout } = await project.run(["jq", JQ, project.directory.at("plan.json")], project.directory.path, {});
      expect(JSON.parse(stdout)).toEqual(report);
    }
  }, 300_000);

  test("the default branch applies the plan that was made, and no other", async () => {
    await using project = await Project.make();
    const pipeline = new Pipeline(project, { CI_COMMIT_BRANCH: "main", CI_PIPELINE_SOURCE: "push" });
    const ran = await pipeline.run();
    expect(ran.map(([name, { code, stderr }]) => [name, code, stderr])).toEqual(
      ran.map(([name, { stderr }]) => [name, 0, stderr]),
    );
    expect(ran.map(([name]) => name)).toEqual(["plan", "apply"]);
    expect(await project.images()).toHaveLength(1);
    const { default: all, apply } = parse(await block("gitlab.md", "stages:"));
    const again = await pipeline.job(apply, all.before_script);
    expect(again.code).toBe(1);
    expect(again.stderr).toContain("[plan.stale]");
  }, 300_000);
});

describe("a host", () => {
  async function host(project: Project): Promise<{ night: () => Promise<ProgramResult>; log: () => Promise<string> }> {
    const bin = project.directory.at("bin");
    await mkdir(bin);
    await writeFile(join(bin, "images"), `#!/bin/sh\nexec '${BINARY}' "$@"\n`);
    await writeFile(join(bin, "images-nightly"), await block("cron.md", "images-nightly: applies"));
    for (const name of ["images", "images-nightly"]) await chmod(join(bin, name), 0o755);
    const at = project.directory.at("repository");
    const log = async () => (await readFile(join(at, "images.log"), "utf8")).replace(/^\S+Z /gm, "");
    return { night: async () => await project.run([join(bin, "images-nightly"), at], "/", {}, [bin]), log };
  }

  test("the nightly program applies, is quiet when there is nothing to do, and prints only what failed", async () => {
    await using project = await Project.make();
    const { night, log } = await host(project);
    expect(await night()).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(await project.images()).toHaveLength(1);
    expect(await night()).toEqual({ code: 0, stdout: "", stderr: "" });
    await project.write(['[image.debian]\nsourc = "./debian.img"\n']);
    const failed = await night();
    expect([failed.code, failed.stdout]).toEqual([1, expect.stringContaining("did you mean source?")]);
    expect(await log()).toBe(
      "Apply complete! Resources: 1 added, 0 changed, 0 destroyed.\nnothing to do\nplan failed\n",
    );
  }, 300_000);

  test("systemd takes the units (where it is installed; else only their shape is looked at)", async () => {
    await using project = await Project.make();
    const [service, timer] = [
      await block("cron.md", "Description=Apply images.toml"),
      await block("cron.md", "every night"),
    ];
    expect(service).toContain("ExecStart=/usr/local/bin/images-nightly /srv/images\n");
    expect(timer).toContain("WantedBy=timers.target");
    for (const line of [...service.split("\n"), ...timer.split("\n")])
      expect(line).toMatch(/^(?:\[\w+\]|[A-Z]\w+=.+|)$/);
    if (Bun.which("systemd-analyze") === null) return;
    await project.directory.write(
      "images.service",
      service.replace("/usr/local/bin/images-nightly", "/bin/true").replace(/^User=.*\n/m, ""),
    );
    await project.directory.write("images.timer", timer);
    const units = [project.directory.at("images.service"), project.directory.at("images.timer")];
    const said = await project.run(["systemd-analyze", "verify", ...units], project.directory.path, {});
    expect(said.stderr.split("\n").filter((line) => line.includes("images."))).toEqual([]);
  }, 300_000);
});
