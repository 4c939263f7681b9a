import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { delimiter, join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { parse, parseAllDocuments } from "yaml";
import { type ProgramResult, TestDirectory } from "./harness.ts";

// The shell parts of action.yml and of the GitLab component, run with the compiled binary and against a server that keeps comments as
// GitHub's and GitLab's APIs do.

const ROOT = resolve(import.meta.dir, "..");
const NAME = `images-${process.platform}-${process.arch}`;
type Env = Readonly<Record<string, string>>;

interface Note {
  readonly id: number;
  body: string;
}
let notes: Note[] = [];
let tokens = new Set<string | null>();
let files: Readonly<Record<string, string | Uint8Array<ArrayBuffer>>> = {};
let server: Bun.Server<undefined>;
let url = "";

async function bodyOf(request: Request): Promise<string> {
  const text = await request.text();
  if (text.startsWith("{")) {
    const { body }: { body: string } = JSON.parse(text);
    return body;
  }
  return new URLSearchParams(text).get("body") ?? "";
}

async function comments(request: Request, path: string): Promise<Response> {
  tokens.add(request.headers.get("authorization") ?? request.headers.get("private-token"));
  const [, id] = /\/(?:comments|notes)\/(\d+)$/.exec(path) ?? [];
  if (request.method === "GET") {
    const query = new URL(request.url).searchParams;
    const page = Number(query.get("page") ?? 1);
    return Response.json(notes.slice((page - 1) * 100, page * 100));
  }
  const body = await bodyOf(request);
  const found = notes.find((one) => one.id === Number(id));
  if (found === undefined) notes.push({ id: notes.length + 1, body });
  else found.body = body;
  return Response.json({}, { status: found === undefined ? 201 : 200 });
}

beforeAll(async () => {
  const packed = new Uint8Array(gzipSync(`#!/bin/sh\nexec '${join(ROOT, "dist", "images")}' "$@"\n`));
  const sum = new Bun.CryptoHasher("sha256").update(packed).digest("hex");
  const script = await readFile(join(ROOT, "install.sh"), "utf8");
  files = { "install.sh": script, SHA256SUMS: `${sum}  ${NAME}.gz\n`, [`${NAME}.gz`]: packed };
  server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      if (/\/(?:comments|notes)(?:\/\d+)?$/.test(pathname)) return await comments(request, pathname);
      const file = files[pathname.slice("/release/".length)];
      return file === undefined ? new Response("no", { status: 404 }) : new Response(file);
    },
  });
  url = `http://127.0.0.1:${server.port}`;
});
afterAll(() => server.stop(true));
beforeEach(() => {
  notes = [];
  tokens = new Set();
});

async function repository(): Promise<TestDirectory> {
  const folder = await TestDirectory.make({ "a.img": "bytes", summary: "", path: "", output: "", "event.json": "" });
  await folder.write("event.json", JSON.stringify({ pull_request: { number: 7 } }));
  const head = '[settings]\nname = "action-0001"\n[backend.store]\nplugin = "local"\npath = "./store"\n';
  await folder.write("images.toml", `${head}[image.a]\nsource = "./a.img"\n`);
  return folder;
}

async function shell(folder: TestDirectory, words: readonly string[], env: Env): Promise<ProgramResult> {
  const child = Bun.spawn([...words], {
    cwd: folder.path,
    env: {
      PATH: [folder.at("images", "bin"), process.env["PATH"] ?? ""].join(delimiter),
      HOME: folder.path,
      IMAGES_CACHE: folder.at("cache"),
      IMAGES_ALLOW_HTTP: "yes",
      ...env,
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [code, stdout, stderr] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()]);
  return { code, stdout, stderr };
}

describe("the GitHub action", () => {
  const step = (folder: TestDirectory, name: string, inputs: Env = {}) =>
    shell(folder, ["bash", join(ROOT, "action", name)], {
      RUNNER_TEMP: folder.path,
      GITHUB_PATH: folder.at("path"),
      GITHUB_OUTPUT: folder.at("output"),
      GITHUB_STEP_SUMMARY: folder.at("summary"),
      GITHUB_EVENT_PATH: folder.at("event.json"),
      GITHUB_API_URL: url,
      GITHUB_REPOSITORY: "people/images",
      INPUT_DIRECTORY: ".",
      INPUT_TOKEN: "a-token",
      INPUT_FROM: `${url}/release`,
      ...inputs,
    });

  test("sets up, plans, keeps one comment up to date and applies", async () => {
    await using folder = await repository();
    const ok = async (name: string, inputs?: Env) => {
      const said = await step(folder, name, inputs);
      expect([name, said.code, said.stderr]).toEqual([name, 0, said.stderr]);
    };
    notes = Array.from({ length: 100 }, (_, i) => ({ id: i + 1, body: "somebody's words" }));
    await ok("setup.sh");
    expect(await readFile(folder.at("path"), "utf8")).toBe(`${folder.at("images", "bin")}\n`);
    await ok("run.sh", { INPUT_COMMAND: "plan", INPUT_PLAN: "plan.json" });
    await ok("comment.sh");
    expect(notes).toHaveLength(101);
    expect(notes[100]?.body).toStartWith("<!-- images plan of . -->\n");
    expect(notes[100]?.body).toContain("1 to add");
    await ok("run.sh", { INPUT_COMMAND: "apply", INPUT_PLAN: "plan.json" });
    expect(await readFile(folder.at("summary"), "utf8")).toContain("1 added, 0 changed, 0 destroyed");
    await ok("run.sh", { INPUT_COMMAND: "plan", INPUT_ARGS: "--target\n*/a" });
    await ok("comment.sh");
    expect(notes).toHaveLength(101);
    expect(notes[100]?.body).toContain("No changes");
    expect(await readFile(folder.at("output"), "utf8")).toBe("changes=true\nchanges=false\n");
    expect([...tokens]).toEqual(["Bearer a-token"]);
  });

  test("a plan that fails fails the step, deletes need max-deletes, an unknown command is refused", async () => {
    await using folder = await repository();
    await step(folder, "setup.sh");
    expect((await step(folder, "run.sh", { INPUT_COMMAND: "apply" })).code).toBe(0);
    await folder.write(
      "images.toml",
      (await readFile(folder.at("images.toml"), "utf8")).replace(/\[image\.a\][\s\S]*/, ""),
    );
    const refused = await step(folder, "run.sh", { INPUT_COMMAND: "apply" });
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("max-deletes")]);
    expect((await step(folder, "run.sh", { INPUT_COMMAND: "apply", INPUT_MAX_DELETES: "1" })).code).toBe(0);
    await folder.write("images.toml", "nonsense");
    expect((await step(folder, "run.sh", { INPUT_COMMAND: "plan" })).code).toBe(1);
    expect((await step(folder, "run.sh", { INPUT_COMMAND: "rm" })).stdout).toContain("expected setup, plan or apply");
    await folder.write("event.json", "{}");
    expect((await step(folder, "comment.sh")).stdout).toContain("no comment");
  });

  test("action.yml names the scripts, and hands each the inputs that it reads", async () => {
    interface Action {
      readonly inputs: Readonly<Record<string, unknown>>;
      readonly runs: { readonly steps: readonly { readonly run: string; readonly env: Env }[] };
    }
    const action: Action = parse(await readFile(join(ROOT, "action.yml"), "utf8"));
    for (const { run, env } of action.runs.steps) {
      const [, name = ""] = /action\/(\w+\.sh)/.exec(run) ?? [];
      const text = await readFile(join(ROOT, "action", name), "utf8");
      const read = new Set([...text.matchAll(/\bINPUT_\w+/g)].map(([word]) => word));
      expect([name, ...Object.keys(env).sort()]).toEqual([name, ...[...read].sort()]);
      for (const value of Object.values(env))
        expect(Object.keys(action.inputs)).toContain(/inputs\.([\w-]+)/.exec(value)?.[1] ?? "");
    }
  });
});

describe("the GitLab component", () => {
  interface Job {
    readonly before_script?: readonly string[];
    readonly script?: readonly string[];
    readonly variables?: Env;
  }
  async function jobs(inputs: Env): Promise<Readonly<Record<string, Job>>> {
    const text = await readFile(join(ROOT, "templates", "images.yml"), "utf8");
    const [head, body] = parseAllDocuments(text);
    const spec: { spec: { inputs: Readonly<Record<string, { default?: string }>> } } = head?.toJS();
    const value = (name: string) => inputs[name] ?? spec.spec.inputs[name]?.default ?? `no input ${name}`;
    return parse(String(body).replaceAll(/\$\[\[ inputs\.([\w-]+) \]\]/g, (_, name: string) => value(name)));
  }

  test("plans with one note, and applies that plan", async () => {
    await using folder = await repository();
    const all = await jobs({ from: `${url}/release` });
    const job = async (name: string) => {
      const common = all[".images"] ?? {};
      const lines = [...(common.before_script ?? []), ...(all[name]?.script ?? [])];
      return await shell(folder, ["bash", "-eo", "pipefail", "-c", lines.join("\n")], {
        ...common.variables,
        CI_PROJECT_DIR: folder.path,
        CI_API_V4_URL: `${url}/api/v4`,
        CI_PROJECT_ID: "3",
        CI_MERGE_REQUEST_IID: "7",
        IMAGES_NOTE_TOKEN: "a-token",
      });
    };
    const planned = await job("images-plan");
    expect([planned.code, planned.stderr]).toEqual([0, planned.stderr]);
    expect(notes.map(({ body }) => body)).toEqual([expect.stringContaining("1 to add")]);
    const applied = await job("images-apply");
    expect([applied.code, applied.stderr]).toEqual([0, applied.stderr]);
    expect((await job("images-plan")).code).toBe(0);
    expect(notes.map(({ body }) => body)).toEqual([expect.stringContaining("No changes")]);
    expect([...tokens]).toEqual(["a-token"]);
  });
});
