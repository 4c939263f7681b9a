import { Failure, type HttpClient, poll } from "images";
import type { OperationContext, Operations } from "./operations.ts";
import { type InstanceAnswer, isEnvelope, isInstance, parsed } from "./wire.ts";

/** Seconds that an instance may be busy with something else. */
const BUSY = 300;

/** The instances that images are published from, in one project. */
export class Instances {
  readonly #http: HttpClient;
  readonly #query: Readonly<Record<string, string>>;
  readonly #operations: Operations;

  constructor(http: HttpClient, project: string | undefined, operations: Operations) {
    this.#http = http;
    this.#query = project === undefined ? {} : { project };
    this.#operations = operations;
  }

  /** An instance, or a snapshot of it; undefined when there is none. */
  async find(name: string, snapshot: string | undefined, signal: AbortSignal): Promise<InstanceAnswer | undefined> {
    const path = `1.0/instances/${encodeURIComponent(name)}`;
    const whole = snapshot === undefined ? path : `${path}/snapshots/${encodeURIComponent(snapshot)}`;
    const found = await this.#http.find("GET", whole, { signal, query: this.#query });
    return found === undefined
      ? undefined
      : parsed(parsed(found, isEnvelope, "an answer").metadata, isInstance, "an instance");
  }

  /** Stops or starts an instance, or changes what it is; resolves when that is done. */
  async set(
    name: string,
    to: "stop" | "start" | { readonly ephemeral?: boolean; readonly config: Readonly<Record<string, string>> },
    context: OperationContext,
  ): Promise<void> {
    const path = `1.0/instances/${encodeURIComponent(name)}`;
    const [method, where, json] =
      typeof to === "string"
        ? (["PUT", `${path}/state`, { action: to, timeout: -1, force: to === "stop" }] as const)
        : (["PATCH", path, to] as const);
    const { signal } = context;
    // Somebody else was quicker.
    const isSo = (thrown: unknown) =>
      thrown instanceof Failure &&
      (to === "stop" || to === "start") &&
      /already (stopped|running)/i.test(thrown.message);
    // What an interrupted run, or another user, does with it just now is waited for.
    const ask = async () => {
      try {
        return await this.#http.send(method, where, { signal, json, query: this.#query });
      } catch (thrown) {
        if (thrown instanceof Failure && /instance is busy/i.test(thrown.message)) return undefined;
        throw thrown;
      }
    };
    try {
      const answer = await poll(ask, { signal, interval: 1, max: 5, deadline: BUSY, what: `the instance ${name}` });
      const { operation } = parsed(await answer.json(), isEnvelope, "an answer");
      if (operation) await this.#operations.wait(operation, { ...context, found: async () => ({}) });
    } catch (thrown) {
      if (!isSo(thrown)) throw thrown;
    }
  }
}
