import { join, resolve } from "node:path";
import type { Tools } from "./tools.ts";
import type { Incus, OpenStack, Row, Servers, TokenQuestion } from "./types.ts";

const LIVE = resolve(import.meta.dir, "../../tests/live");

/** Ports of the race's own, so that servers of the live tests may run beside them. */
const PORTS: Readonly<Record<string, string>> = {
  OS_UP_KEYSTONE_PORT: "15000",
  OS_UP_GLANCE_PORT: "19292",
  OS_UP_GLANCE2: "0",
  INCUS_UP_PORT: "18543",
  INCUS_UP_PORT2: "18544",
  INCUS_UP_STREAMS_PORT: "18545",
};

/** What openstack-up wrote of its servers. */
interface Facts {
  readonly auth_url: string;
  readonly glance: { readonly RegionOne: string };
  readonly demo: User;
  readonly other: User;
}
interface User {
  readonly username: string;
  readonly password: string;
  readonly project: string;
}

/** Starts the real servers at the first need of them, and stops what it started. */
export class RealServers implements Servers {
  readonly #directory: string;
  readonly #tools: Tools;
  readonly #signal: AbortSignal;
  readonly #started = new Map<Row["group"], Promise<string>>();

  constructor(directory: string, tools: Tools, signal: AbortSignal) {
    this.#directory = directory;
    this.#tools = tools;
    this.#signal = signal;
  }

  readonly openstack = async (): Promise<OpenStack> => {
    const directory = await this.#start("openstack");
    const facts: Facts = await Bun.file(join(directory, "facts.json")).json();
    const glance = facts.glance.RegionOne;
    const token = (cloud: "demo" | "other") => login(facts.auth_url, facts[cloud]);
    return {
      clouds: join(directory, "clouds.yaml"),
      glance,
      token: async (cloud) => (await token(cloud)).token,
      question: (cloud) => questionOf(facts.auth_url, facts[cloud]),
      empty: async (cloud) => empty(glance, await token(cloud)),
    };
  };

  readonly incus = async (): Promise<Incus> => {
    const directory = await this.#start("incus");
    return { socket: join(directory, "main/unix.socket"), conf: join(directory, "conf") };
  };

  /** All, or those of one kind. */
  async stop(kind?: Row["group"]): Promise<void> {
    for (const [started, directory] of [...this.#started]) {
      if (kind !== undefined && kind !== started) continue;
      this.#started.delete(started);
      await directory.catch(() => undefined);
      await script(["bash", join(LIVE, `${started}-down`), "--purge", join(this.#directory, started)]);
    }
  }

  #start(kind: "openstack" | "incus"): Promise<string> {
    const known = this.#started.get(kind);
    if (known !== undefined) return known;
    const starting = this.#up(kind);
    this.#started.set(kind, starting);
    return starting;
  }

  async #up(kind: "openstack" | "incus"): Promise<string> {
    this.#signal.throwIfAborted();
    const directory = join(this.#directory, kind);
    if (process.getuid?.() !== 0) throw new Error(`a real ${kind} needs root to be started`);
    console.error(`race: starting ${kind}`);
    const install = this.#tools.mayInstall ? "1" : "0";
    const env = { ...PORTS, ...process.env, OS_UP_INSTALL: install, INCUS_UP_INSTALL: install };
    const said = await script(["bash", join(LIVE, `${kind}-up`), directory], env);
    if (said !== undefined) throw new Error(`${kind} did not start: ${said}`);
    return directory;
  }
}

/** Runs it to its end, whatever the terminal says; answers the end of what it printed where it fails. */
async function script(argv: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<string | undefined> {
  const child = Bun.spawn(["setsid", "-w", ...argv], { env, stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  // The servers keep the pipe open: what came until the script ended is enough.
  const kept: string[] = [];
  const reader = child.stderr.getReader();
  const reading = (async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      kept.push(new TextDecoder().decode(value));
    }
  })();
  const code = await child.exited;
  await Promise.race([reading, Bun.sleep(200)]);
  await reader.cancel().catch(() => undefined);
  return code === 0 ? undefined : kept.join("").trim().slice(-600);
}

interface Login {
  readonly token: string;
  readonly project: string;
}

function questionOf(auth: string, { username, password, project }: User): TokenQuestion {
  const domain = { id: "default" };
  const user = { name: username, domain, password };
  const identity = { methods: ["password"], password: { user } };
  const body = JSON.stringify({ auth: { identity, scope: { project: { name: project, domain } } } });
  return { url: `${auth}/auth/tokens?nocatalog`, body };
}

async function login(auth: string, user: User): Promise<Login> {
  const { url, body: question } = questionOf(auth, user);
  const headers = { "content-type": "application/json" };
  const answer = await fetch(url, { method: "POST", headers, body: question });
  const token = answer.headers.get("x-subject-token");
  if (token === null) throw new Error(`Keystone answered ${answer.status}`);
  const body: { token: { project: { id: string } } } = JSON.parse(await answer.text());
  return { token, project: body.token.project.id };
}

async function empty(glance: string, { token, project }: Login): Promise<void> {
  const headers = { "x-auth-token": token };
  const answer = await fetch(`${glance}/v2/images?limit=1000&owner=${project}`, { headers });
  const { images }: { images: { id: string }[] } = JSON.parse(await answer.text());
  for (const { id } of images) await fetch(`${glance}/v2/images/${id}`, { method: "DELETE", headers });
}
