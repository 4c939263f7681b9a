import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { holder, signal } from "../core/store/help.ts";
import { openAt } from "../core/store/openat.ts";
import { hasPostgres, type Postgres, postgres } from "../core/store/pgserver.ts";
import { type StateServer, stateServer } from "../core/store/server.ts";
import { AWS, BUCKET, makeBucket, moto, programAt, type Server, versitygw } from "../core/store/servers.ts";
import type { ProgramResult } from "../harness.ts";
import { World } from "./world.ts";

// For a machine that does much else.
setDefaultTimeout(300_000);

/** A kind of place for a state, with a server that a test runs by itself. */
interface Kind {
  readonly name: string;
  readonly is: boolean;
  /** Whether it has journals: what a run did, and how it ended. */
  readonly journals: boolean;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** `[settings]` lines of a new state, and the state's URL. */
  place(n: number): { readonly url: string; readonly lines: string };
}

const ENV = { ...AWS, AWS_EC2_METADATA_DISABLED: "true", STATE_PASSWORD: "secret", PGPASSWORD: "unused-password" };
const SECRETS = [AWS.AWS_SECRET_ACCESS_KEY, "unused-password", "secret"];

const overS3 = (name: string, start: () => Promise<Server>, is: boolean): Kind => {
  let server: Server;
  return {
    name,
    is,
    journals: true,
    async start() {
      server = await start();
      await makeBucket(server.url);
    },
    stop: async () => await server[Symbol.asyncDispose](),
    place(n) {
      const url = `s3://${BUCKET}/of ${n}/images.json?endpoint=${encodeURIComponent(server.url)}`;
      return { url, lines: `state = "${url}"` };
    },
  };
};

const overHttp = (kind: "terraform" | "gitlab"): Kind => {
  const servers: StateServer[] = [];
  return {
    name: `HTTP as ${kind}`,
    is: true,
    journals: false,
    start: async () => undefined,
    async stop() {
      for (const server of servers) await server[Symbol.asyncDispose]();
    },
    place() {
      const server = stateServer(kind);
      servers.push(server);
      const { url } = server;
      return { url, lines: `state = "${url}"\nstate_username = "user"\nstate_password = "env:STATE_PASSWORD"` };
    },
  };
};

const inDatabase = (): Kind => {
  let server: Postgres;
  return {
    name: "PostgreSQL",
    is: hasPostgres,
    journals: true,
    async start() {
      server = await postgres();
    },
    stop: async () => await server[Symbol.asyncDispose](),
    place(n) {
      const url = server.url(`state-${n}`);
      return { url, lines: `state = "${url}"` };
    },
  };
};

const inFile: Kind = {
  name: "a file",
  is: true,
  journals: true,
  start: async () => undefined,
  stop: async () => undefined,
  place: (n) => ({ url: `./s${n}.json`, lines: `state = "./s${n}.json"` }),
};

const KINDS: readonly Kind[] = [
  inFile,
  overHttp("terraform"),
  overHttp("gitlab"),
  overS3("versitygw", versitygw, programAt("versitygw") !== undefined),
  overS3("moto", moto, programAt("moto_server") !== undefined),
  inDatabase(),
];
const A = '[image.a]\nsource = "./a.img"\n';
const B = '[image.b]\nsource = "./b.img"\n';
let next = 0;
/** The directory of the last team. */
let last = "";

async function team(kind: Kind, images = A) {
  const { url, lines } = kind.place(++next);
  const settings = `[settings]\nname = "images"\n${lines}\n`;
  const world = await World.make(images, settings);
  last = world.directory.path;
  const ends = async (code: number, ...args: readonly string[]): Promise<ProgramResult> => {
    const said = await world.run(args, { env: ENV });
    if (said.code !== code) throw new Error(`images ${args.join(" ")}: ${said.code}\n${said.stderr}\n${said.stdout}`);
    for (const secret of SECRETS.slice(0, 2)) expect(`${said.stdout}${said.stderr}`).not.toContain(secret);
    return said;
  };
  return { world, ends, url, settings, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() };
}

/** Another run, on another host, holds the lock. */
async function locked(kind: Kind, url: string) {
  const place = kind === inFile ? join(last, url) : url;
  const { storage, close } = openAt(place);
  const answer = await storage.lock(holder("run-of-carol", { host: "elsewhere", user: "carol" }), signal);
  if (!("lease" in answer)) throw new Error(`locked by ${answer.holder.id}`);
  return {
    run: "run-of-carol",
    async [Symbol.asyncDispose]() {
      await answer.lease[Symbol.asyncDispose]();
      await close();
    },
  };
}

for (const kind of KINDS) {
  describe.skipIf(!kind.is)(kind.name, () => {
    beforeAll(async () => await kind.start());
    afterAll(async () => await kind.stop());

    test("apply, plan, the state commands, and the log", async () => {
      await using here = await team(kind, A + B);
      const { ends, world } = here;
      await ends(0, "apply", "--yes");
      const before = await world.ids();
      expect((await ends(0, "plan", "--detailed-exitcode")).stdout).toContain("No changes");
      expect((await ends(0, "state", "list")).stdout).toBe("store/a\nstore/b\n");
      await ends(0, "state", "mv", "store/a", "store/c");
      await ends(0, "state", "mv", "store/c", "store/a");
      expect(await world.ids()).toEqual(before);
      const log = (await ends(0, "log", "--json")).stdout;
      const runs: { id: string; operation: string; status: string }[] = JSON.parse(log);
      expect(runs.map(({ operation }) => operation)).toEqual(["state mv", "state mv", "apply"]);
      // Without a journal it is not known what a run did, and how it ended.
      expect(runs[2]?.status).toBe(kind.journals ? "succeeded" : "ended");
      const run = (await ends(0, "log", runs[2]?.id ?? "")).stdout;
      if (kind.journals) expect(run).toContain("store/a");
      await world.declare("", here.settings);
      await ends(0, "apply", "--yes");
      expect(await world.ids()).toEqual([]);
    });

    test("a lock is named, waited for, and taken away by its id", async () => {
      await using here = await team(kind);
      const { ends } = here;
      await ends(0, "apply", "--yes");
      expect((await ends(1, "unlock", "nobody")).stderr).toContain("is not locked");
      await using other = await locked(kind, here.url);
      const { run } = other;
      const { stderr } = await ends(1, "apply", "--yes", "--replace", "store/a");
      expect(stderr).toContain(`images unlock ${run}`);
      expect((await ends(0, "plan")).stderr).not.toContain("error");
      expect((await ends(1, "unlock", "other")).stderr).toContain("does not hold the lock");
      await ends(0, "unlock", "--force", run);
      await ends(0, "apply", "--yes", "--replace", "store/a");
    });

    test("former versions are listed and brought back", async () => {
      await using here = await team(kind);
      const { ends, world } = here;
      await ends(0, "apply", "--yes");
      await world.declare(A + B, here.settings);
      await ends(0, "apply", "--yes");
      const versions: { id: string; images: number }[] = JSON.parse(
        (await ends(0, "state", "list-versions", "--json")).stdout,
      );
      expect(versions.map(({ images }) => images)).toEqual([1]);
      const serial = JSON.parse((await ends(0, "state", "pull")).stdout).serial;
      await ends(0, "state", "restore", versions[0]?.id ?? "");
      const now = JSON.parse((await ends(0, "state", "pull")).stdout);
      expect([now.serial, Object.keys(now.images)]).toEqual([serial + 1, ["store/a"]]);
      // What the state has forgotten is adopted by its marker.
      await ends(0, "apply", "--yes");
      expect((await ends(1, "state", "restore", "20200101T000000000Z-none")).stderr).toContain("list-versions");
    });

    test("a document is pushed when it is newer and of the same lineage, and not else", async () => {
      await using here = await team(kind);
      const { ends, world } = here;
      await ends(0, "apply", "--yes");
      const state = JSON.parse((await ends(0, "state", "pull")).stdout);
      const file = async (over: object) => await world.directory.write("p.json", JSON.stringify({ ...state, ...over }));
      await file({ serial: state.serial - 1, images: {} });
      expect((await ends(1, "state", "push", "p.json")).stderr).toContain("it is not newer");
      await file({ images: {} });
      expect((await ends(1, "state", "push", "p.json")).stderr).toContain("it is not newer");
      await file({ lineage: "another", serial: state.serial + 5 });
      expect((await ends(1, "state", "push", "p.json")).stderr).toContain("lineages differ");
      // The raw document of a server of terraform's HTTP protocol, as a download from GitLab is.
      await file({ archive: { versions: [], runs: [] } });
      await ends(0, "state", "push", "p.json");
      await file({});
      await ends(0, "state", "push", "p.json");
      await file({ serial: state.serial + 5, images: {} });
      await ends(0, "state", "push", "p.json");
      expect((await ends(0, "state", "list")).stdout).toBe("");
      await file({ serial: 1 });
      await ends(0, "state", "push", "--force", "p.json");
      expect((await ends(0, "state", "list")).stdout).toBe("store/a\n");
      expect((await ends(0, "plan", "--detailed-exitcode")).stdout).toContain("No changes");
    });

    test("a state is moved here and away again, and nobody goes on where it was", async () => {
      await using here = await team(kind);
      const { ends, world, url } = here;
      await world.declare(A, '[settings]\nname = "images"\n');
      await ends(0, "apply", "--yes");
      const before = JSON.parse((await ends(0, "state", "pull")).stdout);
      const login = kind.name.startsWith("HTTP") ? ["--username", "user", "--password", "env:STATE_PASSWORD"] : [];
      await ends(0, "state", "migrate", url, ...login);
      expect((await ends(1, "plan")).stderr).toContain("has moved to");
      expect((await ends(1, "apply", "--yes")).stderr).toContain("[state.moved]");
      await world.declare(A, here.settings);
      const after = JSON.parse((await ends(0, "state", "pull")).stdout);
      expect(after).toEqual({ ...before, serial: before.serial + 1 });
      expect((await ends(0, "plan", "--detailed-exitcode")).stdout).toContain("No changes");
      expect((await ends(0, "log")).stdout).toContain(kind.journals ? "apply" : "state migrate");
      await ends(0, "state", "migrate", "./back.json");
      expect((await ends(1, "plan")).stderr).toContain("back.json");
      expect(JSON.parse(await readFile(world.directory.at("back.json"), "utf8")).images).toEqual(before.images);
      await ends(0, "state", "list-versions", "--state", "./back.json");
      await ends(0, "state", "migrate", "./images.state.json", "--state", "./back.json");
      await world.declare(A, '[settings]\nname = "images"\n');
      expect((await ends(0, "plan", "--detailed-exitcode")).stdout).toContain("No changes");
      const other = JSON.stringify({ ...before, lineage: "another" });
      await world.directory.write("other.json", other);
      expect((await ends(1, "state", "migrate", "./other.json")).stderr).toContain("already");
      expect((await ends(1, "state", "migrate", "./images.state.json")).stderr).toContain("already");
    });
  });
}
