import { relay } from "../../relay.ts";

export interface Flaky extends AsyncDisposable {
  readonly port: number;
  /** Answers that were lost so far. */
  readonly lost: () => number;
  /** Bytes that went there, and that came back. */
  readonly bytes: () => readonly [sent: number, got: number];
  /** HTTP requests that went there. */
  readonly requests: () => number;
  /** How likely an answer is lost: it has been done, and the connection ends before anything of it is told. */
  loses(share: number): void;
}

const REQUEST = /^[A-Z]+ \/\S* HTTP\/1\.1\r$/gm;

/** A way to a server of this machine that loses answers. */
export async function flaky(to: number): Promise<Flaky> {
  let lost = 0;
  let share = 0;
  let [sent, got] = [0, 0];
  let requests = 0;
  const way = await relay(to, {
    sent(chunk, _, on) {
      sent += chunk.length;
      requests += chunk.toString("latin1").match(REQUEST)?.length ?? 0;
      on.write(chunk);
    },
    got(chunk, from, end) {
      got += chunk.length;
      if (Math.random() >= share) return void from.write(chunk);
      lost++;
      end();
    },
  });
  return {
    port: way.port,
    lost: () => lost,
    bytes: () => [sent, got],
    requests: () => requests,
    loses(now) {
      share = now;
    },
    [Symbol.asyncDispose]: () => way[Symbol.asyncDispose](),
  };
}
