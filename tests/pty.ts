/** A program on a terminal of its own, as a person has it. */
export interface OnTerminal extends AsyncDisposable {
  /** All that it has written so far. */
  readonly text: () => string;
  /** Waits until what it wrote since the last call contains this. @throws when it ends before */
  says(what: string | RegExp): Promise<void>;
  types(keys: string): void;
  readonly exited: Promise<number>;
}

/** Starts a program on a new terminal. */
export function onTerminal(
  words: readonly string[],
  options: {
    readonly cwd: string;
    readonly env?: Readonly<Record<string, string | undefined>>;
    readonly columns?: number;
  },
): OnTerminal {
  const decoder = new TextDecoder();
  let text = "";
  let from = 0;
  let ended = false;
  let wake: (() => void) | undefined;
  const child = Bun.spawn([...words], {
    cwd: options.cwd,
    env: { PATH: process.env["PATH"], TERM: "xterm-256color", ...options.env },
    terminal: {
      cols: options.columns ?? 80,
      rows: 24,
      data: (_, chunk) => {
        text += decoder.decode(chunk, { stream: true });
        wake?.();
      },
    },
  });
  const exited = child.exited.finally(() => {
    ended = true;
    wake?.();
  });
  return {
    text: () => text,
    async says(what) {
      for (;;) {
        const found = typeof what === "string" ? text.indexOf(what, from) : text.slice(from).search(what);
        if (found >= 0) {
          from = text.length;
          return;
        }
        if (ended) throw new Error(`it ended without saying ${what}:\n${text}`);
        await new Promise<void>((done) => {
          wake = done;
        });
      }
    },
    types: (keys) => void child.terminal?.write(keys),
    exited,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exited;
      child.terminal?.close();
    },
  };
}
