import { randomUUID } from "node:crypto";
import type { RequestLog } from "../kit/log.ts";
import { dropped, type Planned } from "../kit/planned.ts";
import type { Access } from "./access.ts";
import type { Action } from "./action.ts";
import { actions } from "./actions/all.ts";
import { faultOf, isOpen } from "./description.ts";
import { type Fault, faultAnswer } from "./faults.ts";
import { Refused, refusals } from "./refusal.ts";
import type { Request4 } from "./signature.ts";
import type { Throttle } from "./throttle.ts";
import type { World } from "./world.ts";

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The API itself: takes requests apart, lets them in or not, and checks every answer against the description. */
export class Api {
  /** Answers that were not as described; there should never be one. */
  readonly violations: string[] = [];
  readonly #world: World;
  readonly #access: Access;
  readonly #throttle: Throttle;
  readonly #log: RequestLog;
  readonly #faults: Planned<Fault>;

  constructor(world: World, access: Access, throttle: Throttle, log: RequestLog, faults: Planned<Fault>) {
    this.#world = world;
    this.#access = access;
    this.#throttle = throttle;
    this.#log = log;
    this.#faults = faults;
  }

  async answer(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const sent: Request4 = {
      method: request.method,
      path: url.pathname,
      query: url.search.slice(1),
      headers: Object.fromEntries(request.headers),
      body: new Uint8Array(await request.arrayBuffer()),
    };
    this.#world.progress.tick();
    const name = actionIn(sent);
    const fault = this.#faults.take("api", sent.method, sent.path);
    const planned = faultAnswer(fault);
    const isUndone = fault?.kind === "dropped" || (fault?.kind === "held" && !fault.isDone);
    const isLost = isUndone || fault?.kind === "lost-answer";
    const isDone = planned === undefined && !isUndone;
    const answer = isDone ? await this.#done(sent, name, fault) : undefined;
    this.#log.add({
      server: "api",
      method: sent.method,
      path: sent.path,
      query: url.search,
      headers: sent.headers,
      body: json(sent.body),
      operation: name,
      status: isLost ? 0 : (planned?.status ?? answer?.status ?? 0),
      fault: fault?.kind,
    });
    if (fault?.kind === "held") await fault.until;
    if (isLost || answer === undefined) return planned ?? dropped();
    const headers = { "Access-Control-Allow-Origin": "*", "Content-Type": "application/json", ...answer.headers };
    return new Response(JSON.stringify(answer.body), { status: answer.status, headers });
  }

  async #done(sent: Request4, name: string | undefined, fault: Fault | undefined): Promise<Answer> {
    const ResponseContext = { RequestId: randomUUID() };
    try {
      if (fault?.kind === "refused") throw new Refused(fault.refusal);
      const result = await this.#run(sent, name);
      return this.#checked(name, { status: 200, body: { ...result, ResponseContext } });
    } catch (error) {
      const { status, code, type, details, headers } = this.#refusalOf(error);
      const body = { Errors: [{ Code: code, Details: details, Type: type }], ResponseContext };
      return this.#checked(name, { status, body, ...(headers && { headers }) });
    }
  }

  async #run(sent: Request4, name: string | undefined): Promise<object> {
    const action: Action | undefined = actions[name ?? ""];
    if (name === undefined || action === undefined) throw refusals.unknownAction(sent.path.split("/").at(-1) ?? "");
    this.#throttle.take(name);
    const [somebody] = this.#world.settings.accounts;
    const account = isOpen(name) && sent.headers["authorization"] === undefined ? somebody : this.#access.check(sent);
    if (account === undefined) throw refusals.internal("There are no accounts.");
    const body = sent.body.length === 0 ? {} : json(sent.body);
    if (body === undefined) throw refusals.badType("The body is not JSON.");
    return await action({ world: this.#world, account }, body);
  }

  #refusalOf(error: unknown) {
    if (error instanceof Refused) return error.refusal;
    this.violations.push(String(error instanceof Error ? error.stack : error));
    return refusals.internal("The emulator has failed.").refusal;
  }

  #checked(name: string | undefined, answer: Answer): Answer {
    const fault = faultOf(name ?? "", answer.status, JSON.parse(JSON.stringify(answer.body)));
    if (fault !== undefined) this.violations.push(fault);
    return answer;
  }
}

/** The action of a path; clients differ in the version and in the number of slashes. */
function actionIn({ method, path }: Request4): string | undefined {
  const [, name] = /^\/+api\/(?:v1|latest)\/([A-Za-z]+)\/?$/.exec(path) ?? [];
  return method === "POST" && name !== undefined && Object.hasOwn(actions, name) ? name : undefined;
}

function json(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
}
