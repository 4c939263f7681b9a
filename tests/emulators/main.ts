import { type ParseArgsOptionsConfig, parseArgs } from "node:util";
import type { Running, Standalone, Values } from "./kit/standalone.ts";

/** The emulators that can be started by themselves, each read in only when it is asked for. */
const emulators: Readonly<Record<string, () => Promise<Standalone>>> = {
  linode: async () => (await import("./linode/standalone.ts")).standalone,
  outscale: async () => (await import("./outscale/standalone.ts")).standalone,
};

const common = {
  host: { type: "string", default: "127.0.0.1" },
  port: { type: "string", default: "0" },
  json: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const satisfies ParseArgsOptionsConfig;

async function main(args: readonly string[]): Promise<number> {
  const [name = "", ...rest] = args;
  const load = emulators[name];
  if (load === undefined) {
    console.error(`usage: bun run emulator <${Object.keys(emulators).join("|")}> [--port N] [--host H] [--json]`);
    return name === "" || name === "--help" ? 0 : 2;
  }
  const emulator = await load();
  const values: Values = parseArgs({ args: rest, options: { ...emulator.options, ...common } }).values;
  if (values["help"] === true) {
    console.log(help(name, emulator));
    return 0;
  }
  const port = Number(values["port"]);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new TypeError(`--port ${values["port"]} is no port`);
  const ended = signaled();
  await using running = await emulator.start({ host: String(values["host"]), port }, values);
  tell(name, running, values["json"] === true);
  await ended;
  return 0;
}

function tell(name: string, { url, notes }: Running, asJson: boolean): void {
  if (asJson) {
    console.log(JSON.stringify({ name, url, ...notes }));
    return;
  }
  console.log(`${name}: ${url}`);
  for (const [key, value] of Object.entries(notes)) console.log(`  ${key}: ${value}`);
}

function help(name: string, { about, usage }: Standalone): string {
  const lines = [
    `bun run emulator ${name}: ${about}`,
    "",
    "--host HOST           address to listen on (default: 127.0.0.1)",
    "--port PORT           port to listen on (default: any free port)",
    "--json                tell the addresses as one line of JSON",
    ...usage,
  ];
  return lines.join("\n");
}

/** Resolves at the first SIGINT or SIGTERM. */
function signaled(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  return promise;
}

try {
  process.exitCode = await main(Bun.argv.slice(2));
} catch (cause) {
  console.error(cause instanceof Error ? cause.message : String(cause));
  process.exitCode = 1;
}
