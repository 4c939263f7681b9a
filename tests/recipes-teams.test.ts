import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { chmod, readFile } from "node:fs/promises";
import { delimiter, resolve } from "node:path";
import { parse } from "yaml";
import { served } from "./core/net/kit.ts";
import { stateServer } from "./core/store/server.ts";
import { makeBucket, moto, programAt } from "./core/store/servers.ts";
import { BRIEF, type ProgramResult, TestDirectory } from "./harness.ts";

// docs/ci/teams.md, run as far as a machine without those services can: its files and scripts, with the compiled binary.

// For a machine that does much else.
setDefaultTimeout(300_000);

const BINARY = resolve("dist/images");
type Env = Readonly<Record<string, string>>;

/** The fenced blocks of the page whose first lines have these words. */
async function blocks(words: string): Promise<readonly string[]> {
  const text = await readFile(resolve("docs/ci/teams.md"), "utf8");
  const found = [...text.matchAll(/^```[^\n]*\n(.*?)^```$/gms)].map(([, body = ""]) => body);
  return found.filter((body) => body.includes(words));
}
async function block(words: string): Promise<string> {
  const [one, ...more] = await blocks(words);
  if (one === undefined || more.length > 0) throw new Error(`teams.md has ${more.length + 1} blocks with ${words}`);
  return one;
}

const STORE = '[backend.store]\nplugin = "local"\npath = "./store"\ngrace = "0s"\n[image.a]\nsource = "./a.img"\n';

/** A checkout with images.toml as the page has it, and a store. */
async function checkout(settings: string) {
  if (!existsSync(BINARY)) throw new Error("dist/images is not there: bun run build");
  const directory = await TestDirectory.make({ "a.img": "bytes\n".repeat(100) });
  await directory.write("images.toml", settings + STORE);
  await Bun.write(directory.at("bin", "images"), `#!/bin/sh\nexec '${BINARY}' "$@"\n`);
  await chmod(directory.at("bin", "images"), 0o755);
  const sh = async (script: string, env: Env = {}): Promise<ProgramResult> => {
    const PATH = [directory.at("bin"), process.env["PATH"] ?? ""].join(delimiter);
    const own = { HOME: directory.path, IMAGES_CACHE: directory.at("cache"), AWS_EC2_METADATA_DISABLED: "true" };
    const child = Bun.spawn(["sh", "-c", script], {
      cwd: directory.path,
      env: { PATH, ...BRIEF, ...own, ...env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [code, stdout, stderr] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()]);
    return { code, stdout, stderr };
  };
  return { directory, sh, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() };
}

test("GitLab: the state of the project, by the job's token", async () => {
  await using server = stateServer("gitlab", "gitlab-ci-token");
  await using here = await checkout(await block("CI_JOB_TOKEN"));
  const env = { CI_API_V4_URL: server.url.replace(/\/projects\/.*/, ""), CI_PROJECT_ID: "7", CI_JOB_TOKEN: "secret" };
  const [applied, again] = [
    await here.sh("images apply --yes", env),
    await here.sh("images plan --detailed-exitcode", env),
  ];
  expect([applied.code, applied.stderr, again.code]).toEqual([0, applied.stderr, 0]);
  expect(existsSync(here.directory.at("images.state.json"))).toBe(false);
});

// Installed by .ci/packages.
describe.skipIf(programAt("moto_server") === undefined)("GitHub with S3", () => {
  test("the job's token becomes a role, and the state is in the bucket", async () => {
    await using server = await moto();
    await makeBucket(server.url);
    const workflow = parse(await block("name: images with S3"));
    expect(workflow.permissions["id-token"]).toBe("write");
    const apply = workflow.jobs.apply.steps.find(({ name }: { name?: string }) => name === "Apply").run;
    await using here = await checkout(await block("s3://"));
    await here.directory.write("token", "a.job.token");
    // What configure-aws-credentials does with the token of the job is what a pod has from the start.
    const env = {
      AWS_ENDPOINT_URL: server.url,
      AWS_ROLE_ARN: "arn:aws:iam::123456789012:role/images",
      AWS_WEB_IDENTITY_TOKEN_FILE: here.directory.at("token"),
    };
    const said = await here.sh(apply, env);
    expect([said.code, said.stderr]).toEqual([0, said.stderr]);
    expect((await here.sh("images state list", env)).stdout).toBe("store/a\n");
    expect(existsSync(here.directory.at("images.state.json"))).toBe(false);
  });
});

test("one comment for a pull request: made once, updated then", async () => {
  const comments: { id: number; body: string }[] = [{ id: 1, body: "looks good" }];
  const log: string[] = [];
  await using api = served(async (request) => {
    const { pathname } = new URL(request.url);
    log.push(`${request.method} ${pathname}`);
    if (request.headers.get("authorization") !== "Bearer t") return new Response("", { status: 401 });
    if (request.method === "GET") return Response.json(comments);
    const { body }: { body: string } = JSON.parse(await request.text());
    const id = Number(pathname.split("/").at(-1));
    const known = comments.find((one) => one.id === id);
    if (known === undefined) comments.push({ id: comments.length + 1, body });
    else known.body = body;
    return Response.json({}, { status: request.method === "POST" ? 201 : 200 });
  });
  await using here = await checkout('[settings]\nname = "t-1"\n');
  const env = { API: api.url, REPOSITORY: "o/r", PULL: "12", TOKEN: "t" };
  const script = await block("# comment.sh");
  expect((await here.sh(script, env)).code).toBe(0);
  expect(comments[1]?.body).toContain("1 to add");
  await here.sh("images apply --yes");
  expect((await here.sh(script, env)).code).toBe(0);
  expect(comments).toHaveLength(2);
  expect(comments[1]?.body).toContain("No changes");
  await here.directory.write("images.toml", "[image.");
  expect((await here.sh(script, env)).code).toBe(1);
  expect(log.at(-1)).toStartWith("PATCH ");
});

test("plan and apply by a comment: only who may write, and only what was planned", async () => {
  const workflow = parse(await block("name: images by comment"));
  expect(workflow.jobs.command.steps.at(-1).run).toBe("sh command.sh");
  await using here = await checkout('[settings]\nname = "t-1"\n');
  const script = await block("# command.sh");
  const says = async (COMMENT: string, ASSOCIATION = "MEMBER") =>
    (await here.sh(script, { COMMENT, ASSOCIATION, PULL: "12", KEPT: here.directory.path })).code;
  expect(await says("/images plan", "NONE")).toBe(1);
  expect(await says("/images apply")).not.toBe(0);
  expect(await says("/images plan")).toBe(0);
  expect(await says("/images nonsense; touch hurt")).toBe(0);
  expect(existsSync(here.directory.at("hurt"))).toBe(false);
  expect(await says("/images apply")).toBe(0);
  expect((await here.sh("images plan --detailed-exitcode")).code).toBe(0);
  // The plan is used up: what it was made from has moved.
  expect(await says("/images apply")).not.toBe(0);
});

test("drift at night is told, and nothing is changed", async () => {
  const got: string[] = [];
  await using hook = served(async (request) => {
    got.push(await request.text());
    return new Response();
  });
  await using here = await checkout(await block('on = ["drifted", "blocked", "failed"]'));
  const env = { CHAT_HOOK: hook.url };
  const night = await block("# night.sh");
  expect((await here.sh("images apply --yes", env)).code).toBe(0);
  expect([(await here.sh(night, env)).code, got]).toEqual([0, []]);
  const names = [...new Bun.Glob("store/images/*.json").scanSync(here.directory.path)];
  const file = here.directory.at(names[0] ?? "");
  const record = JSON.parse(await readFile(file, "utf8"));
  await here.directory.write(
    "images.toml",
    `${await readFile(here.directory.at("images.toml"), "utf8")}tags = ["x"]\n`,
  );
  expect((await here.sh("images apply --yes", env)).code).toBe(0);
  await Bun.write(file, JSON.stringify({ ...record, attributes: { ...record.attributes, tags: [] } }));
  expect((await here.sh(night, env)).code).toBe(0);
  expect(JSON.parse(got[0] ?? "{}").text).toContain("1 image was changed outside of the file");
});
