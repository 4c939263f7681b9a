import { RequestLog } from "../kit/log.ts";
import { Planned } from "../kit/planned.ts";
import type { Pace } from "../kit/progress.ts";
import { Api } from "./api.ts";
import { Control } from "./control.ts";
import { describedAnswers } from "./description.ts";
import type { Fault } from "./faults.ts";
import { Storage } from "./storage.ts";
import { type Limits, World } from "./world.ts";

export interface LinodeOptions {
  /** Default "127.0.0.1". */
  readonly host?: string;
  /** Of the API; default any free one. */
  readonly port?: number;
  /** Of the object storage; default any free one. */
  readonly uploadsPort?: number;
  /** The only token that is accepted; default any bearer token. */
  readonly token?: string;
  /** What a token may do; default "*". */
  readonly scopes?: string;
  /** How long images, replicas and deletions of them take; default one look. */
  readonly pace?: Pace;
  /** Whether requests beyond the rates are refused, such as the 21st GET /images of a minute; default false. */
  readonly isLimiting?: boolean;
  /** How large an image may be; default 5 GB compressed, 6144 MB inflated. */
  readonly limits?: Partial<Limits>;
  /** Milliseconds since 1970; default the clock of the machine. */
  readonly now?: () => number;
}

/** A Linode account that lives in this process. */
export interface LinodeEmulator extends AsyncDisposable {
  /** Of the API, without a version: `http://127.0.0.1:4100`. */
  readonly url: string;
  /** Of the object storage that upload URLs lead to. */
  readonly uploadsUrl: string;
  readonly log: RequestLog;
  readonly control: Control;
  /** Answers that were not as the API description says; disposing throws when there is one. */
  readonly violations: readonly string[];
}

const most: Limits = { compressed: 5 * 1024 ** 3, raw: 6144 };

/** Starts an emulated Linode. Disposing it closes all its connections, and throws if it gave an invalid answer. */
export async function startLinode(options: LinodeOptions = {}): Promise<LinodeEmulator> {
  const hostname = options.host ?? "127.0.0.1";
  const world = new World(options.now ?? Date.now, options.pace ?? { polls: 1 }, { ...most, ...options.limits });
  const log = new RequestLog();
  const faults = new Planned<Fault>();
  const storage = new Storage(world, log, faults);
  const access = { token: options.token, scopes: options.scopes ?? "*" };
  const api = new Api(world, log, faults, await describedAnswers(), access, options.isLimiting ?? false);
  const failed = (cause: Error) => {
    api.violations.push(String(cause.stack ?? cause));
    return new Response("the emulator has failed", { status: 500 });
  };
  await using stack = new AsyncDisposableStack();
  const uploads = Bun.serve({
    hostname,
    port: options.uploadsPort ?? 0,
    maxRequestBodySize: 64 * 1024 ** 3,
    idleTimeout: 120,
    fetch: (request) => storage.answer(request),
    error: failed,
  });
  stack.defer(() => uploads.stop(true));
  const server = Bun.serve({
    hostname,
    port: options.port ?? 0,
    idleTimeout: 120,
    fetch: (request) => {
      const origin = new URL(request.url);
      origin.port = String(uploads.port);
      return api.answer(request, (number) => `${origin.origin}${storage.signedPath(number)}`);
    },
    error: failed,
  });
  stack.defer(() => server.stop(true));
  const owned = stack.move();
  return {
    url: server.url.origin,
    uploadsUrl: uploads.url.origin,
    log,
    control: new Control(world, api, faults),
    violations: api.violations,
    async [Symbol.asyncDispose]() {
      await owned.disposeAsync();
      if (api.violations.length > 0) throw new Error(`invalid answers:\n${api.violations.join("\n")}`);
    },
  };
}
