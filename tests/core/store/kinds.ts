import { join } from "node:path";
import { directory } from "./help.ts";
import { hasPostgres, type Postgres, postgres } from "./pgserver.ts";
import { type StateServer, stateServer } from "./server.ts";
import { BUCKET, makeBucket, moto, programAt, type Server, versitygw } from "./servers.ts";

/** A kind of place for a state, with a server that a test runs by itself. */
export interface Kind {
  readonly name: string;
  /** Whether its server is installed here. */
  readonly is: boolean;
  /** Whether it has journals. */
  readonly journals: boolean;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** A new, empty place. */
  place(): Promise<string>;
  /** The same place, reached by way of another port. */
  by(place: string, port: number): string;
  /** Where its server listens; none: it has no server. */
  port(place: string): number | undefined;
}

let next = 0;
const portOf = (url: string): number => Number(new URL(url).port);

function inFile(): Kind {
  const stack = new AsyncDisposableStack();
  return {
    name: "a file",
    is: true,
    journals: true,
    start: async () => undefined,
    stop: async () => await stack.disposeAsync(),
    place: async () => join(stack.use(await directory()).path, "s.json"),
    by: (place) => place,
    port: () => undefined,
  };
}

function overHttp(kind: "terraform" | "gitlab"): Kind {
  const servers: StateServer[] = [];
  return {
    name: `HTTP as ${kind}`,
    is: true,
    journals: false,
    start: async () => undefined,
    async stop() {
      for (const server of servers) await server[Symbol.asyncDispose]();
    },
    async place() {
      const server = stateServer(kind);
      servers.push(server);
      return server.url;
    },
    by: (place, port) => place.replace(/:\d+\//, `:${port}/`),
    port: portOf,
  };
}

function inBucket(name: string, start: () => Promise<Server>, is: boolean): Kind {
  let server: Server;
  const url = (key: string, at: string) => `s3://${BUCKET}/${key}?endpoint=${encodeURIComponent(at)}`;
  return {
    name: `S3 of ${name}`,
    is,
    journals: true,
    async start() {
      server = await start();
      await makeBucket(server.url);
    },
    stop: async () => await server[Symbol.asyncDispose](),
    place: async () => url(`kind-${++next}/images.json`, server.url),
    by: (place, port) => url(new URL(place).pathname.slice(1), `http://127.0.0.1:${port}`),
    port: () => portOf(server.url),
  };
}

function inDatabase(): Kind {
  let server: Postgres;
  return {
    name: "PostgreSQL",
    is: hasPostgres,
    journals: true,
    async start() {
      server = await postgres();
    },
    stop: async () => await server[Symbol.asyncDispose](),
    place: async () => server.url(`kind-${++next}`),
    by: (place, port) => place.replace(/:\d+\//, `:${port}/`),
    port: () => server.port,
  };
}

/** Every kind of state. A server that is not installed is not tested: .ci/packages installs them all. */
export const KINDS: readonly Kind[] = [
  inFile(),
  overHttp("terraform"),
  overHttp("gitlab"),
  inBucket("versitygw", versitygw, programAt("versitygw") !== undefined),
  inBucket("moto", moto, programAt("moto_server") !== undefined),
  inDatabase(),
];
