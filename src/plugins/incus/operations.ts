import { Failure, type HttpClient, type Phase, poll } from "images";
import { known } from "./explain.ts";
import { type IncusOperation, isEnvelope, isOperation, isResult, parsed } from "./wire.ts";

/** What goes on around an operation. */
export interface OperationContext {
  readonly signal: AbortSignal;
  progress(phase: Phase, done: number, total?: number, what?: string): void;
}

export interface OperationResult {
  readonly fingerprint?: string;
}

export interface Waiting extends OperationContext {
  /** Bytes that there are to be fetched, where that is known. */
  readonly total?: number | undefined;
  /** Looks for what the operation was to bring about; undefined when it is not there. Asked when the server has forgotten the operation. */
  readonly found: () => Promise<OperationResult | undefined>;
}

const RUNNING = new Set([100, 101, 102, 103, 104, 105, 106, 112]);
const SUCCESS = 200;
/** Seconds that the server holds a request while nothing happens. */
const LOOK = 1;
/** Seconds that an operation which cannot be cancelled may still take after it was cancelled. */
const GRACE = 30;
/** Seconds that a server may be away in the middle of something: it restarts. */
const AWAY = 120;

/** Whether a failure says that the server went away, and may come back. */
export const isAway = (thrown: unknown): boolean =>
  thrown instanceof Failure &&
  (thrown.code === "backend.unreachable" || /^net\.(broken|short|timeout)$/.test(thrown.code));

/** Resolves when the server answers again. @throws Failure net.timeout */
export async function back(http: HttpClient, signal: AbortSignal): Promise<void> {
  const look = async () => {
    try {
      await http.json("GET", "1.0", { signal, timeout: 5 });
      return true;
    } catch (thrown) {
      if (isAway(thrown)) return undefined;
      throw thrown;
    }
  };
  await poll(look, { signal, interval: 1, max: 3, deadline: AWAY, what: "the server to be back" });
}

/** Operations of a server: waited for, judged and cancelled. */
export class Operations {
  readonly #http: HttpClient;

  constructor(http: HttpClient) {
    this.#http = http;
  }

  /**
   * Waits for the end. When the signal is aborted, the operation is cancelled, or its end awaited where it cannot be, so that nothing comes
   * of it afterwards.
   * @throws Failure of the operation; `backend.lost` with `retry` when the server forgot it and nothing came of it
   */
  async wait(path: string, waiting: Waiting): Promise<OperationResult> {
    try {
      for (;;) {
        try {
          return await this.#ended(path, waiting);
        } catch (thrown) {
          if (waiting.signal.aborted || !isAway(thrown)) throw thrown;
          await back(this.#http, waiting.signal);
        }
      }
    } catch (thrown) {
      if (!waiting.signal.aborted) throw thrown;
      await this.#cancel(path);
      throw waiting.signal.reason;
    }
  }

  /** Resolves when an operation of that name does not run any more; at once where the server does not know it. */
  async over(name: string, signal: AbortSignal, reported: () => void): Promise<void> {
    const path = `1.0/operations/${encodeURIComponent(name)}`;
    const isRunning = async () => RUNNING.has((await this.#look(path, signal))?.status_code ?? SUCCESS);
    if (!(await isRunning())) return;
    reported();
    do await this.#http.json("GET", waitOf(path), { signal, query: { timeout: LOOK }, accept: [404, 500] });
    while (await isRunning());
  }

  async #ended(path: string, { signal, progress, total, found }: Waiting): Promise<OperationResult> {
    for (;;) {
      const held = parsed(
        await this.#http.json("GET", waitOf(path), { signal, query: { timeout: LOOK }, accept: [404, 500] }),
        isEnvelope,
        "an answer",
      );
      if (held.type === "sync") return judged(parsed(held.metadata, isOperation, "an operation"));
      const now = await this.#look(path, signal);
      if (now === undefined) {
        const result = await found();
        if (result !== undefined) return result;
        // The end of it was reported with the same answer that told of a mere pause.
        const reported = held.error ?? "";
        if (reported !== "" && !/deadline exceeded|not found/i.test(reported)) throw failed(reported);
        throw new Failure("backend.lost", "the operation was lost on the server", {
          retry: true,
          hint: "the server was probably restarted: apply again",
        });
      }
      if (!RUNNING.has(now.status_code)) return judged(now);
      report(now, progress, total);
    }
  }

  async #look(path: string, signal: AbortSignal): Promise<IncusOperation | undefined> {
    const answer = await this.#http.find("GET", path, { signal });
    return answer === undefined
      ? undefined
      : parsed(parsed(answer, isEnvelope, "an answer").metadata, isOperation, "an operation");
  }

  async #cancel(path: string): Promise<void> {
    const signal = AbortSignal.timeout(GRACE * 1000);
    try {
      const answer = await this.#http.send("DELETE", path, { signal, accept: [400, 404, 500] });
      await answer.text();
      if (answer.status === 404) return;
      const query = { timeout: GRACE };
      await this.#http.json("GET", waitOf(path), { signal, query, accept: [404, 500] });
    } catch {
      // No caller waits any more; what came of it has our marker, and the next run finds it.
    }
  }
}

/** `/1.0/operations/ID?project=p` as it was given, with `/wait` in its place. */
const waitOf = (path: string): string => path.replace(/(\?|$)/, "/wait$1");

function judged({ status_code, err, metadata }: IncusOperation): OperationResult {
  if (status_code === SUCCESS) {
    const { fingerprint } = isResult(metadata) ? metadata : {};
    return fingerprint === undefined ? {} : { fingerprint };
  }
  throw failed(err ?? "the operation was cancelled on the server");
}

function failed(text: string): Failure {
  const { code = "refused", hint } = known(text);
  return new Failure(`backend.${code}`, text, { hint });
}

/** `rootfs: 36% (1.11MB/s)` as bytes, where it is known of how many. */
function report(operation: IncusOperation, progress: OperationContext["progress"], total: number | undefined): void {
  const { metadata, description = "", status = "" } = operation;
  const text = isResult(metadata)
    ? (metadata.download_progress ?? metadata.create_image_from_container_pack_progress)
    : undefined;
  const [, part, percent] = /^(?:(\w+): )?(\d+)%/.exec(text ?? "") ?? [];
  const share = percent === undefined || part === "metadata" ? 0 : Number(percent) / 100;
  const what = `the operation${description === "" ? "" : ` "${description}"`} (${status})`;
  progress("import", Math.floor(share * (total ?? 100)), total ?? 100, what);
}
