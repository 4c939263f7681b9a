import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { chmod, mkdir, readdir, readFile, symlink } from "node:fs/promises";
import { delimiter, join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { parse, parseAllDocuments } from "yaml";
import { BRIEF, type ProgramResult, TestDirectory } from "./harness.ts";
import { Signer } from "./installing.ts";

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
/** What the services answer to a write; 403 is what a token that may only read gets. */
let writes = 0;

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
  if (writes !== 0) return new Response("no", { status: writes });
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
  writes = 0;
});

async function repository(): Promise<TestDirectory> {
  const directory = await TestDirectory.make({ "a.img": "bytes", summary: "", path: "", output: "", "event.json": "" });
  await directory.write("event.json", JSON.stringify({ pull_request: { number: 7 } }));
  const head = '[settings]\nname = "action-0001"\n[backend.store]\nplugin = "local"\npath = "./store"\n';
  await directory.write("images.toml", `${head}[image.a]\nsource = "./a.img"\n`);
  return directory;
}

async function shell(directory: TestDirectory, words: readonly string[], env: Env): Promise<ProgramResult> {
  const child = Bun.spawn([...words], {
    cwd: directory.path,
    env: {
      PATH: [directory.at("images", "bin"), process.env["PATH"] ?? ""].join(delimiter),
      HOME: directory.path,
      IMAGES_CACHE: directory.at("cache"),
      IMAGES_ALLOW_HTTP: "yes",
      ...BRIEF,
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
  const step = (directory: TestDirectory, name: string, inputs: Env = {}) =>
    shell(directory, ["bash", join(ROOT, "action", name)], {
      RUNNER_TEMP: directory.path,
      GITHUB_PATH: directory.at("path"),
      GITHUB_OUTPUT: directory.at("output"),
      GITHUB_STEP_SUMMARY: directory.at("summary"),
      GITHUB_EVENT_PATH: directory.at("event.json"),
      GITHUB_API_URL: url,
      GITHUB_REPOSITORY: "people/images",
      INPUT_DIRECTORY: ".",
      INPUT_TOKEN: "a-token",
      INPUT_FROM: `${url}/release`,
      ...inputs,
    });

  test("sets up, plans, keeps one comment up to date and applies", async () => {
    await using directory = await repository();
    const ok = async (name: string, inputs?: Env) => {
      const said = await step(directory, name, inputs);
      expect([name, said.code, said.stderr]).toEqual([name, 0, said.stderr]);
    };
    notes = Array.from({ length: 100 }, (_, i) => ({ id: i + 1, body: "somebody's words" }));
    await ok("setup.sh");
    expect(await readFile(directory.at("path"), "utf8")).toBe(`${directory.at("images", "bin")}\n`);
    await ok("run.sh", { INPUT_COMMAND: "plan", INPUT_PLAN: "plan.json" });
    await ok("comment.sh");
    expect(notes).toHaveLength(101);
    expect(notes[100]?.body).toStartWith("<!-- images plan of . -->\n");
    expect(notes[100]?.body).toContain("1 to add");
    await ok("run.sh", { INPUT_COMMAND: "apply", INPUT_PLAN: "plan.json" });
    expect(await readFile(directory.at("summary"), "utf8")).toContain("1 added, 0 changed, 0 destroyed");
    await ok("run.sh", { INPUT_COMMAND: "plan", INPUT_ARGS: "--target\n*/a" });
    await ok("comment.sh");
    expect(notes).toHaveLength(101);
    expect(notes[100]?.body).toContain("No changes");
    expect(await readFile(directory.at("output"), "utf8")).toBe("changes=true\nchanges=false\n");
    expect([...tokens]).toEqual(["Bearer a-token"]);
  });

  test("a plan that fails fails the step, deletes need max-deletes, an unknown command is refused", async () => {
    await using directory = await repository();
    await step(directory, "setup.sh");
    expect((await step(directory, "run.sh", { INPUT_COMMAND: "apply" })).code).toBe(0);
    await directory.write(
      "images.toml",
      (await readFile(directory.at("images.toml"), "utf8")).replace(/\[image\.a\][\s\S]*/, ""),
    );
    const refused = await step(directory, "run.sh", { INPUT_COMMAND: "apply" });
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("max-deletes")]);
    expect((await step(directory, "run.sh", { INPUT_COMMAND: "apply", INPUT_MAX_DELETES: "1" })).code).toBe(0);
    await directory.write("images.toml", "nonsense");
    expect((await step(directory, "run.sh", { INPUT_COMMAND: "plan" })).code).toBe(1);
    expect((await step(directory, "run.sh", { INPUT_COMMAND: "rm" })).stdout).toContain(
      "expected setup, plan or apply",
    );
    await directory.write("event.json", "{}");
    expect((await step(directory, "comment.sh")).stdout).toContain("no comment");
  });

  test("a token that may not write leaves a warning, and no failure; without jq too", async () => {
    await using directory = await repository();
    await step(directory, "setup.sh");
    await step(directory, "run.sh", { INPUT_COMMAND: "plan" });
    writes = 403;
    const said = await step(directory, "comment.sh");
    expect([said.code, said.stdout, notes]).toEqual([0, expect.stringContaining("::warning::the plan could not"), []]);
    await mkdir(directory.at("bare"));
    for (const name of ["bash", "cat"]) await symlink(Bun.which(name) ?? "", directory.at("bare", name));
    const bare = await step(directory, "comment.sh", { PATH: directory.at("bare") });
    expect([bare.code, bare.stdout]).toEqual([0, expect.stringContaining("jq is not installed")]);
  });

  test("a plan that is blocked fails the step and is in the comment; one that could not be made leaves no old comment text", async () => {
    await using directory = await repository();
    await step(directory, "setup.sh");
    const text = await readFile(directory.at("images.toml"), "utf8");
    await directory.write("images.toml", text.replace("./a.img", "./gone.img"));
    expect((await step(directory, "run.sh", { INPUT_COMMAND: "plan" })).code).toBe(1);
    await directory.write("images-plan.md", "an old plan");
    await directory.write("images.toml", "nonsense");
    expect((await step(directory, "run.sh", { INPUT_COMMAND: "plan" })).code).toBe(1);
    expect((await step(directory, "comment.sh")).code).toBe(0);
    expect(notes.filter(({ body }) => body.includes("an old plan"))).toEqual([]);
  });

  test("on Windows the paths of the runner are turned into those of its bash", async () => {
    await using directory = await repository();
    await mkdir(directory.at("fake"));
    await directory.write(
      "fake/cygpath",
      `#!/bin/sh\n[ "$1" = -u ] && [ "$2" = 'D:\\a\\_temp' ] && echo '${directory.path}'\n`,
    );
    await chmod(directory.at("fake", "cygpath"), 0o755);
    const windows = { PATH: `${directory.at("fake")}:${process.env["PATH"]}`, RUNNER_TEMP: "D:\\a\\_temp" };
    const said = await step(directory, "setup.sh", windows);
    expect([said.code, said.stderr]).toEqual([0, said.stderr]);
    expect(await readdir(directory.at("images", "bin"))).toEqual(["images"]);
    expect(await readFile(directory.at("path"), "utf8")).toBe("D:\\a\\_temp/images/bin\n");
  });

  test.skipIf(Bun.which("shellcheck") === null)(
    "shellcheck has nothing to say (skipped where it is not installed)",
    async () => {
      const scripts = ["setup.sh", "run.sh", "comment.sh"].map((name) => join(ROOT, "action", name));
      const check = Bun.spawn(["shellcheck", ...scripts], { stdout: "pipe" });
      expect([await check.stdout.text(), await check.exited]).toEqual(["", 0]);
    },
  );

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

  /** One job, as the runner does it: its lines in one shell, which stops at the first that fails. */
  async function jobIn(directory: TestDirectory, name: string, inputs: Env, words: readonly string[] = BASH) {
    const all = await jobs({ from: `${url}/release`, ...inputs });
    const common = all[".images"] ?? {};
    const lines = [...(common.before_script ?? []), ...(all[name]?.script ?? [])];
    return await shell(directory, [...words, "-c", lines.join("\n")], {
      ...common.variables,
      CI_PROJECT_DIR: directory.path,
      CI_API_V4_URL: `${url}/api/v4`,
      CI_PROJECT_ID: "3",
      CI_MERGE_REQUEST_IID: "7",
      IMAGES_NOTE_TOKEN: "a-token",
    });
  }
  const BASH = ["bash", "-eo", "pipefail"];

  for (const words of [
    ["dash", "-e"],
    ["busybox", "sh", "-e"],
  ])
    test.skipIf(Bun.which(words[0] ?? "") === null)(`plans and applies in ${words.join(" ")}`, async () => {
      await using directory = await repository();
      for (const name of ["images-plan", "images-apply"]) {
        const said = await jobIn(directory, name, {}, words);
        expect([name, said.code, said.stderr]).toEqual([name, 0, said.stderr]);
      }
    });

  test("a key has to have signed install.sh before it runs", async () => {
    await using directory = await repository();
    const signer = new Signer();
    const before = files;
    const { "install.sh": script = "", SHA256SUMS: sums = "" } = files;
    const signed = {
      "install.sh.minisig": signer.sign(String(script)),
      "SHA256SUMS.minisig": signer.sign(String(sums)),
    };
    try {
      const inputs = { key: signer.key };
      expect((await jobIn(directory, "images-plan", inputs)).stderr).toContain("404");
      files = { ...before, ...signed };
      const said = await jobIn(directory, "images-plan", inputs);
      expect([said.code, said.stderr]).toEqual([0, said.stderr]);
      files = { ...files, "install.sh": `touch '${directory.at("ran")}'\n${script}` };
      for (const tool of ["minisign", "openssl"]) {
        const hidden =
          tool === "openssl"
            ? 'command() { case "$2" in minisign) return 1 ;; *) builtin command "$@" ;; esac; }\n'
            : "";
        await directory.write("hidden.sh", hidden);
        const refused = await jobIn(directory, "images-plan", inputs, [
          "env",
          `BASH_ENV=${directory.at("hidden.sh")}`,
          ...BASH,
        ]);
        expect([tool, refused.code === 0]).toEqual([tool, false]);
        expect(await readdir(directory.path)).not.toContain("ran");
      }
    } finally {
      files = before;
    }
  });

  test("a blocked plan fails, with its note; a note that cannot be written is a warning; the note is found on page two", async () => {
    await using directory = await repository();
    notes = Array.from({ length: 100 }, (_, i) => ({ id: i + 1, body: "somebody's words" }));
    for (let i = 0; i < 2; i++) expect((await jobIn(directory, "images-plan", {})).code).toBe(0);
    expect(notes).toHaveLength(101);
    writes = 403;
    const said = await jobIn(directory, "images-plan", {});
    expect([said.code, said.stderr]).toEqual([0, expect.stringContaining("could not be written into a note")]);
    const text = await readFile(directory.at("images.toml"), "utf8");
    await directory.write("images.toml", `${text}[image.b]\nsource = { image = "store/none" }\n`);
    expect((await jobIn(directory, "images-plan", {})).code).toBe(1);
  });

  test("plans with one note, and applies that plan", async () => {
    await using directory = await repository();
    const job = (name: string) => jobIn(directory, name, {});
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
