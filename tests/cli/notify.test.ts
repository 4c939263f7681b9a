import { expect, setDefaultTimeout, test } from "bun:test";
import { served } from "../core/net/kit.ts";
import { World } from "./world.ts";

// For a machine that does much else.
setDefaultTimeout(300_000);

const NAME = '[settings]\nname = "team-a"\n';
const A = '[image.a]\nsource = "./a.img"\n';

interface Got {
  readonly body: string;
  readonly type: string;
  readonly token: string;
}

/** A receiver of notifications that answers with a status. */
function receiver(status = 200) {
  const got: Got[] = [];
  const server = served(async (request) => {
    const { headers } = request;
    got.push({
      body: await request.text(),
      type: headers.get("content-type") ?? "",
      token: headers.get("x-token") ?? "",
    });
    return new Response("", { status });
  });
  return { ...server, got, events: () => got.map(({ body }) => JSON.parse(body).event) };
}

test("what was applied, failed, drifted and was blocked is told as JSON; a run that changes nothing says nothing", async () => {
  await using to = receiver();
  const notify = '[[notify]]\nurl = "env:HOOK"\nheaders = { x-token = "env:TOKEN" }\n';
  await using world = await World.make(A, NAME + notify);
  const env = { HOOK: `${to.url}/services/T0/secret-path`, TOKEN: "secret-token", CI_JOB_URL: "https://ci/job/7" };
  const ends = async (code: number, ...args: readonly string[]) => {
    const said = await world.run(args, { env });
    expect([said.code, said.stderr]).toEqual([code, expect.any(String)]);
    expect(`${said.stdout}${said.stderr}`).not.toMatch(/secret-path|secret-token/);
    return to.got.splice(0);
  };
  const [applied, ...more] = await ends(0, "apply", "--yes");
  expect(more).toEqual([]);
  expect(applied).toMatchObject({ type: "application/json", token: "secret-token" });
  expect(JSON.parse(applied?.body ?? "")).toEqual({
    version: 1,
    event: "applied",
    summary: "apply complete: 1 added, 0 changed, 0 destroyed",
    addresses: ["store/a"],
    errors: [],
    name: "team-a",
    file: "images.toml",
    command: "apply",
    user: expect.any(String),
    host: expect.any(String),
    at: expect.any(String),
    link: "https://ci/job/7",
  });
  expect(await ends(0, "apply", "--yes")).toEqual([]);
  expect(await ends(0, "plan")).toEqual([]);
  // A tag that somebody took away is drift: told by a plan too.
  await world.declare(`${A}tags = ["x"]\n`, NAME + notify);
  await ends(0, "apply", "--yes");
  const [name = ""] = await world.ids();
  const record = await world.record("a");
  await world.directory.write(
    `store/images/${name}`,
    JSON.stringify({ ...record, attributes: { ...record.attributes, tags: [] } }),
  );
  const [drifted] = await ends(0, "plan");
  expect(JSON.parse(drifted?.body ?? "{}")).toMatchObject({
    event: "drifted",
    addresses: ["store/a"],
    command: "plan",
  });
  await world.declare(
    `${A}tags = ["x"]\n[image.b]\nsource = { file = "./b.img", checksum = "sha256:${"0".repeat(64)}" }\n`,
    NAME + notify,
  );
  const failed = (await ends(1, "apply", "--yes")).map(({ body }) => JSON.parse(body));
  expect(failed.map(({ event }) => event)).toContain("failed");
  expect(failed.find(({ event }) => event === "failed")).toMatchObject({ addresses: ["store/b"] });
  await world.declare(
    '[image.c]\nsource = "./nothere.img"\n[image.a]\nsource = "./a.img"\ntags = ["x"]\n',
    NAME + notify,
  );
  const blocked = (await ends(1, "plan")).map(({ body }) => JSON.parse(body));
  expect(blocked.find(({ event }) => event === "blocked")).toMatchObject({ addresses: ["store/c"] });
});

test("a run that ends before its end tells that it failed", async () => {
  await using to = receiver();
  await using world = await World.make(A, `${NAME}[[notify]]\nurl = "${to.url}"\n`);
  await world.ends(0, "apply", "--yes");
  await world.declare("", `${NAME}[[notify]]\nurl = "${to.url}"\n`);
  await world.ends(1, "apply", "--yes", "--max-deletes", "0");
  expect(to.events()).toEqual(["applied", "failed"]);
});

test("templates: Slack's words, and those of one's own, where nothing that is put in ends a string", async () => {
  await using slack = receiver();
  await using own = receiver();
  const notify = (url: string, more: string) => `[[notify]]\nurl = "${url}"\non = ["applied"]\n${more}\n`;
  const lines = [
    notify(slack.url, 'template = "slack"'),
    notify(own.url, `template = '{"t":"{{ event }} of {{addresses}}","q":"\\"{{name}}\\""}'`),
    notify(own.url, 'template = "plain {{summary}}"'),
  ].join("");
  await using world = await World.make(A, NAME + lines);
  await world.ends(0, "apply", "--yes");
  expect(JSON.parse(slack.got[0]?.body ?? "").text).toStartWith("team-a: apply complete: 1 added");
  const bodies = own.got.map(({ body }) => body).sort();
  expect(bodies[1]).toBe('{"t":"applied of store/a","q":"\\"team-a\\""}');
  expect([bodies[0], own.got.find(({ body }) => body.startsWith("plain"))?.type]).toEqual(
    ["plain apply complete: 1 added, 0 changed, 0 destroyed", "text/plain; charset=utf-8"].reverse().reverse(),
  );
});

test("a receiver that fails, or does not exist, fails no run, and its URL is not shown", async () => {
  await using to = receiver(500);
  // One that never answers is given up.
  await using silent = served(() => new Promise<Response>(() => undefined));
  for (const url of [`${to.url}/hidden-path`, "http://127.0.0.1:1/hidden-path", `${silent.url}/hidden-path`]) {
    await using world = await World.make(A, `${NAME}[[notify]]\nurl = "env:HOOK"\n`);
    const said = await world.run(["apply", "--yes"], { env: { HOOK: url } });
    expect([said.code, said.stderr]).toEqual([0, expect.stringContaining("warning: no notification that it applied")]);
    expect(said.stderr).not.toContain("hidden-path");
    const unset = await world.run(["destroy", "--yes"]);
    expect([unset.code, unset.stderr]).toEqual([0, expect.stringContaining("HOOK is not set")]);
  }
});

test("what is wrong with a [[notify]] is told at its place", async () => {
  const told = async (lines: string) => {
    await using world = await World.make(A, `${NAME}[[notify]]\n${lines}\n`);
    return (await world.ends(1, "validate")).stderr;
  };
  expect(await told('url = "hooks.example.org"')).toContain("expected an http:// or https:// URL");
  expect(await told('url = "https://u:hunter2@h/"')).not.toContain("hunter2");
  expect(await told('url = "https://h/"\ntemplate = "{{sumary}}"')).toMatch(/unknown {{sumary}}[\s\S]*summary/);
  expect(await told('url = "https://h/"\non = ["aplied"]')).toContain("applied");
});
