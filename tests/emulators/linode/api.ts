import type { Answers } from "../kit/answers.ts";
import type { RequestLog } from "../kit/log.ts";
import { dropped, type Planned } from "../kit/planned.ts";
import type { Call } from "./call.ts";
import { filterable, scopesOf } from "./description.ts";
import { apiFault, type Fault, type FaultAnswer } from "./faults.ts";
import { standing } from "./headers.ts";
import { type Rate, Rates } from "./rates.ts";
import { invalid, notFound, Refusal } from "./refusal.ts";
import { type Route, routes } from "./routes.ts";
import { expireUploads } from "./storage.ts";
import type { World } from "./world.ts";

export interface Access {
  /** The only token that is accepted; any is, when undefined. */
  readonly token: string | undefined;
  /** What the token may do, such as "images:read_only linodes:read_only"; "*" for all. */
  readonly scopes: string;
}

interface Found {
  readonly route: Route | undefined;
  readonly params: readonly string[];
}

interface At {
  readonly version: string;
  readonly path: string;
}

interface Answer {
  readonly status: number;
  readonly json?: unknown;
  readonly text?: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The API itself: takes requests apart, lets them in or not, and checks every answer against the description. */
export class Api {
  /** When true, requests beyond the rates are refused; the headers are always there. */
  isLimiting: boolean;
  /** Answers that were not as described; there should never be one. */
  readonly violations: string[] = [];
  readonly #world: World;
  readonly #log: RequestLog;
  readonly #faults: Planned<Fault>;
  readonly #answers: Answers;
  readonly #access: Access;
  readonly #rates: Rates;

  constructor(
    world: World,
    log: RequestLog,
    faults: Planned<Fault>,
    answers: Answers,
    access: Access,
    isLimiting: boolean,
  ) {
    this.#world = world;
    this.#log = log;
    this.#faults = faults;
    this.#answers = answers;
    this.#access = access;
    this.#rates = new Rates(() => world.now());
    this.isLimiting = isLimiting;
  }

  /** Answers one request; `uploadUrl` makes URLs that lead this client to the object storage. */
  async answer(request: Request, uploadUrl: (number: number) => string): Promise<Response> {
    const url = new URL(request.url);
    const text = await request.text();
    this.#world.progress.tick();
    expireUploads(this.#world);
    const found = find(request.method, url.pathname);
    const rate = this.#rates.take(found.route?.rate ?? "other");
    const fault = this.#faults.take("api", request.method, url.pathname);
    const planned = fault === undefined ? undefined : apiFault(fault);
    const answer =
      fault?.kind === "dropped"
        ? { status: 0, headers: {} }
        : (planned ?? this.#handled(request, url, text, found, rate, uploadUrl));
    this.#check(found.route, answer);
    const isLost = fault?.kind === "dropped" || fault?.kind === "lost-answer";
    this.#log.add({
      server: "api",
      method: request.method,
      path: url.pathname,
      query: url.search,
      headers: Object.fromEntries(request.headers),
      body: json(text),
      operation: found.route?.operation,
      status: isLost ? 0 : answer.status,
      fault: fault?.kind,
    });
    return isLost ? dropped() : this.#response(request, found.route, answer, rate, planned);
  }

  #handled(
    request: Request,
    url: URL,
    text: string,
    found: Found,
    rate: Rate,
    uploadUrl: (number: number) => string,
  ): Answer {
    try {
      if (rate.over && this.isLimiting) throw new Refusal(429, { reason: "Too many requests" });
      const route = this.#permitted(request, url, found);
      const call: Call = {
        params: found.params,
        query: url.searchParams,
        filter: request.headers.get("x-filter") ?? undefined,
        filterable: filterable(this.#answers, route.operation),
        body: text === "" ? undefined : parsed(text),
        isKnown: request.headers.has("authorization"),
        uploadUrl,
      };
      return { status: 200, json: route.handler(this.#world, call), headers: {} };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return { status: error.status, json: { errors: error.reasons }, headers: {} };
    }
  }

  /** The route, if this request may use it. */
  #permitted(request: Request, url: URL, { route }: Found): Route {
    const isSent = request.headers.has("authorization");
    const isGood = this.#accepts(request);
    if (isSent ? !isGood : route?.isPublic !== true) throw new Refusal(401, { reason: "Invalid Token" });
    if (route === undefined) {
      throw isServed(url.pathname) ? new Refusal(405, { reason: "Method Not Allowed" }) : notFound();
    }
    if (route.isPublic || this.#access.scopes === "*") return route;
    const accepted = scopesOf(this.#answers, route.operation);
    if (accepted === "*" || accepted.split(",").every((scope) => holds(this.#access.scopes, scope))) return route;
    throw new Refusal(401, { reason: "Your OAuth token is not authorized to use this endpoint." });
  }

  #accepts(request: Request): boolean {
    const [kind, token] = (request.headers.get("authorization") ?? "").split(/\s+/);
    if (kind?.toLowerCase() !== "bearer" || token === undefined || token === "") return false;
    return this.#access.token === undefined || token === this.#access.token;
  }

  #check(route: Route | undefined, answer: Answer): void {
    if (route === undefined || answer.json === undefined) return;
    const fault = this.#answers.fault(route.operation, answer.status, JSON.parse(JSON.stringify(answer.json)));
    if (fault !== undefined) this.violations.push(fault);
  }

  #response(
    request: Request,
    route: Route | undefined,
    answer: Answer,
    rate: Rate,
    planned: FaultAnswer | undefined,
  ): Response {
    const now = this.#world.now();
    const headers: Record<string, string> = {
      ...standing,
      "X-Accepted-OAuth-Scopes": acceptedScopes(this.#answers, route),
      "X-OAuth-Scopes": this.#accepts(request) ? this.#access.scopes : "unknown",
      "X-RateLimit-Limit": String(rate.limit),
      "X-RateLimit-Remaining": String(rate.remaining),
      "X-RateLimit-Reset": String(Math.ceil(rate.reset / 1000)),
      // On good answers too, counting down to the end of the window: not a sign of being throttled.
      "Retry-After": String(Math.max(0, Math.ceil((rate.reset - now) / 1000))),
    };
    // A planned trouble says itself whether it has a Retry-After: the recorded 429 has none.
    if (planned !== undefined) delete headers["Retry-After"];
    const body = answer.text ?? JSON.stringify(answer.json);
    return new Response(body, { status: answer.status, headers: { ...headers, ...answer.headers } });
  }
}

function find(method: string, pathname: string): Found {
  const at = pathOf(pathname);
  for (const route of routes) {
    const params = route.method === method ? paramsOf(route, at) : undefined;
    if (params !== undefined) return { route, params };
  }
  return { route: undefined, params: [] };
}

/** True for a path that is answered to some method. */
function isServed(pathname: string): boolean {
  const at = pathOf(pathname);
  return routes.some((route) => paramsOf(route, at) !== undefined);
}

function paramsOf(route: Route, at: At | undefined): readonly string[] | undefined {
  if (at === undefined || (route.isBeta && at.version !== "v4beta")) return undefined;
  return route.path.exec(at.path)?.slice(1);
}

/** The version and the decoded rest of a path. */
function pathOf(pathname: string): At | undefined {
  const [, version, path] = /^\/(v4|v4beta)(\/.*)$/.exec(pathname) ?? [];
  if (version === undefined || path === undefined) return undefined;
  try {
    return { version, path: decodeURIComponent(path) };
  } catch {
    return undefined;
  }
}

/** GET /images and public things are open to every token (recorded). */
function acceptedScopes(answers: Answers, route: Route | undefined): string {
  if (route === undefined || route.operation === "get-images") return "*";
  return scopesOf(answers, route.operation);
}

/** "images:read_write" holds "images:read_only" too. */
function holds(scopes: string, wanted: string): boolean {
  const held = scopes.split(/[\s,]+/);
  return held.includes(wanted) || held.includes(wanted.replace(":read_only", ":read_write"));
}

function parsed(text: string): unknown {
  const value = json(text);
  if (value === undefined) throw invalid("Invalid JSON");
  return value;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
