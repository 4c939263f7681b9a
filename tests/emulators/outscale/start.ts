import { RequestLog } from "../kit/log.ts";
import { Planned } from "../kit/planned.ts";
import type { Pace } from "../kit/progress.ts";
import { Access, type Account } from "./access.ts";
import { Api } from "./api.ts";
import { exampleKey } from "./bucket.ts";
import { Control } from "./control.ts";
import type { Fault } from "./faults.ts";
import { seed } from "./seed.ts";
import { Throttle } from "./throttle.ts";
import { type ObjectStore, type Settings, World } from "./world.ts";

export interface OutscaleOptions {
  /** Default "127.0.0.1". */
  readonly host?: string;
  /** Default any free one. */
  readonly port?: number;
  /** Of the first account, 20 characters; default the published example key. */
  readonly accessKey?: string;
  /** Of the first account, 40 characters; default the published example key. */
  readonly secretKey?: string;
  /** Of the first account, for basic authentication. */
  readonly email?: string;
  readonly password?: string;
  /** Default "eu-west-2". */
  readonly region?: string;
  /** How long images, snapshots and export tasks take once their bytes are there; default one look. */
  readonly pace?: Pace;
  /** Where exports go; without one they fail. */
  readonly store?: ObjectStore;
  /** Default 1000 of each. */
  readonly quota?: Partial<Settings["quota"]>;
  /** Entries of a page where the request does not say; default 1000. */
  readonly pageSize?: number;
  /** Milliseconds since 1970; default the clock of the machine. */
  readonly now?: () => number;
  /** Serves HTTPS. With a `ca`, clients must show a certificate of it. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca?: string };
}

/** An Outscale region with three accounts that lives in this process. */
export interface OutscaleEmulator extends AsyncDisposable {
  /** Without a path: `http://127.0.0.1:4200`. */
  readonly url: string;
  readonly log: RequestLog;
  readonly control: Control;
  /** First the one that the options are about, then one that shares with it, then that of the public images. */
  readonly accounts: readonly [Account, Account, Account];
  /** Answers that were not as the API description says; disposing throws when there is one. */
  readonly violations: readonly string[];
}

/** Starts an emulated Outscale. Disposing it closes all its connections, and throws if it gave an invalid answer. */
export async function startOutscale(options: OutscaleOptions = {}): Promise<OutscaleEmulator> {
  const clock = options.now ?? Date.now;
  let ahead = 0;
  const now = () => clock() + ahead;
  const accounts = accountsOf(options);
  await using stack = new AsyncDisposableStack();
  const world = stack.use(
    await World.make({
      accounts,
      region: options.region ?? "eu-west-2",
      pace: options.pace ?? { polls: 1 },
      store: options.store,
      quota: { images: 1000, snapshots: 1000, ...options.quota },
      pageSize: options.pageSize ?? 1000,
      now,
    }),
  );
  const seeded = await seed(world);
  const log = new RequestLog();
  const faults = new Planned<Fault>();
  const throttle = new Throttle(now);
  const api = new Api(world, new Access(accounts, now), throttle, log, faults);
  const server = Bun.serve({
    hostname: options.host ?? "127.0.0.1",
    port: options.port ?? 0,
    idleTimeout: 120,
    ...(options.tls === undefined ? {} : { tls: tlsOf(options.tls) }),
    fetch: (request) => api.answer(request),
    error: (cause) => {
      api.violations.push(String(cause.stack ?? cause));
      return new Response("the emulator has failed", { status: 500 });
    },
  });
  stack.defer(() => server.stop(true));
  const owned = stack.move();
  return {
    url: server.url.origin,
    log,
    control: new Control(world, seeded, faults, throttle, (ms) => {
      ahead += ms;
    }),
    accounts,
    violations: api.violations,
    async [Symbol.asyncDispose]() {
      await owned.disposeAsync();
      if (api.violations.length > 0) throw new Error(`invalid answers:\n${api.violations.join("\n")}`);
    },
  };
}

function accountsOf(options: OutscaleOptions): readonly [Account, Account, Account] {
  return [
    {
      id: "123456789012",
      email: options.email ?? "me@example.com",
      password: options.password ?? "pw",
      accessKey: options.accessKey ?? exampleKey.accessKey,
      secretKey: options.secretKey ?? exampleKey.secretKey,
    },
    {
      id: "987654321098",
      email: "other@example.com",
      password: "other",
      accessKey: "AKIAI44QH8DHBEXAMPLE",
      secretKey: "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY",
    },
    {
      id: "555555555555",
      alias: "Outscale",
      email: "public@example.com",
      password: crypto.randomUUID(),
      accessKey: "AKIAPUBLICSEXAMPLE00",
      secretKey: crypto.randomUUID().replaceAll("-", "").padEnd(40, "0"),
    },
  ];
}

function tlsOf({ cert, key, ca }: NonNullable<OutscaleOptions["tls"]>): Bun.TLSOptions {
  return ca === undefined ? { cert, key } : { cert, key, ca, requestCert: true, rejectUnauthorized: true };
}
