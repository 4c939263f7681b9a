import { describe, expect, test } from "bun:test";
import { renderPlan } from "../../src/cli/render/plan.ts";
import { ansi, none } from "../../src/cli/render/style.ts";
import { cells } from "../../src/cli/render/text.ts";
import { TestDirectory } from "../harness.ts";
import { FULL } from "./render/plans.ts";
import { WIDE } from "./render/wide.ts";

const MAIN = new URL("../../src/cli/main.ts", import.meta.url).pathname;
const SCREENS = new URL("children/screens.ts", import.meta.url).pathname;
const WIDTHS = [40, 80, 120, 200] as const;
const program = Bun.which("tmux");

/** A real terminal: a server of tmux of its own with one window. */
class Tmux implements AsyncDisposable {
  readonly #socket: string;

  private constructor(socket: string) {
    this.#socket = socket;
  }

  /** Runs a command in a window of so many columns; the window stays when it ends. */
  static start(directory: TestDirectory, columns: number, command: readonly string[], env = {}): Tmux {
    const tmux = new Tmux(directory.at("tmux"));
    const { PATH = "" } = process.env;
    const words = command.map((word) => `'${word}'`).join(" ");
    tmux.#run(
      [
        "new-session",
        "-d",
        "-x",
        `${columns}`,
        "-y",
        "50",
        "-c",
        directory.path,
        `${words}; echo "EXIT $?"; exec sleep 600`,
      ],
      { PATH, HOME: directory.path, LC_ALL: "C.UTF-8", IMAGES_CACHE: directory.at("cache"), ...env },
    );
    return tmux;
  }

  /** All that was shown, from the first line on; `escapes`: with colours. */
  text(...escapes: readonly "-e"[]): string {
    const shown = this.#run(["capture-pane", "-p", "-S", "-", ...escapes]);
    return shown.replace(/\n+$/, "\n");
  }

  async until(wanted: RegExp): Promise<string> {
    for (;;) {
      const text = this.text();
      if (wanted.test(text)) return text;
      await Bun.sleep(20);
    }
  }

  press(key: string): void {
    this.#run(["send-keys", key]);
  }

  #run(args: readonly string[], env: Readonly<Record<string, string>> = { PATH: process.env["PATH"] ?? "" }): string {
    const { stdout, stderr, exitCode } = Bun.spawnSync(
      [program ?? "", "-S", this.#socket, "-f", "/dev/null", ...args],
      {
        env: { ...env, LC_ALL: "C.UTF-8" },
      },
    );
    if (exitCode !== 0) throw new Error(`tmux ${args[0]}: ${stderr}`);
    return stdout.toString();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#run(["kill-server"]);
  }
}

// A terminal of its own is what is asked here; without tmux there is none.
describe.skipIf(program === null)("on a real terminal", () => {
  for (const columns of WIDTHS) {
    for (const [name, plan] of [
      ["every kind of step", FULL],
      ["wide characters", WIDE],
    ] as const)
      test(`a plan of ${columns} columns, ${name}: no line is broken by the terminal`, async () => {
        await using directory = await TestDirectory.make();
        const screens = [process.execPath, SCREENS, plan === FULL ? "full" : "wide"];
        await using tmux = Tmux.start(directory, columns, screens, { TERM: "screen-256color" });
        const shown = await tmux.until(/EXIT 0/);
        const right = renderPlan(plan, { style: none, columns });
        // The sentence that scripts look for is one line, and the terminal's to break.
        const joined = (text: string) => text.replace(/^Plan: [^.]*\./m, (found) => found.replaceAll("\n", ""));
        expect(joined(shown.replace(/EXIT 0\n$/, ""))).toBe(joined(right));
        for (const line of shown.split("\n")) expect(cells(line)).toBeLessThanOrEqual(columns);
      }, 300_000);

    test(`a failed apply of ${columns} columns: the failures are the last thing on the screen`, async () => {
      await using directory = await scene();
      await using tmux = Tmux.start(directory, columns, [process.execPath, MAIN, "apply", "--yes"]);
      const shown = (await tmux.until(/EXIT \d/)).replaceAll(/\n +/g, " ");
      const end = shown.slice(shown.lastIndexOf("Apply incomplete"));
      expect(end).toMatch(/1 image failed:\n? +error: store\/bad: .*checksum mismatch/);
      expect(end).toContain("hint:");
      expect(shown).not.toContain("\u001b");
    }, 300_000);
  }

  test("Ctrl-C: the message stays, the bars go, and what was not done is counted", async () => {
    await using server = endless();
    await using directory = await scene(`[image.slow]\nsource = "${server.url}"\n`);
    await using tmux = Tmux.start(directory, 100, [process.execPath, MAIN, "apply", "--yes", "--target", "store/slow"]);
    await tmux.until(/store\/slow +download /);
    tmux.press("C-c");
    const shown = await tmux.until(/EXIT \d/);
    expect(shown).toContain("interrupted: finishing in-flight operations; press Ctrl-C again to abort\n");
    expect(shown).not.toMatch(/store\/slow +download /);
    expect(shown).toContain("Apply interrupted: 0 failed, 1 stopped in flight, 0 not begun.");
    expect(shown).toContain("EXIT 130");
  }, 300_000);
});

test("colours are the terminal's own palette, without black, white or a background: readable on light and on dark", () => {
  const drawn = renderPlan(FULL, { style: ansi, columns: 80 });
  const codes = drawn
    .split("\u001b[")
    .slice(1)
    .map((piece) => piece.split("m")[0] ?? "");
  expect(new Set(codes.filter((code) => !/^(1|2|22|3[1-6]|39)$/.test(code)))).toEqual(new Set());
});

async function scene(more = ""): Promise<TestDirectory> {
  const images = `[image.bad]\nsource = { file = "a.img", checksum = "sha256:${"0".repeat(64)}" }\n[image.good]\nsource = "./b.img"\n${more}`;
  return await TestDirectory.make({
    "a.img": "a".repeat(5000),
    "b.img": "b".repeat(5000),
    "images.toml": `[backend.store]\nplugin = "local"\npath = "./store"\n${images}`,
  });
}

/** A URL whose bytes never come to an end. */
function endless() {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    fetch: ({ method }) =>
      new Response(
        method === "HEAD"
          ? undefined
          : new ReadableStream({
              async pull(controller) {
                controller.enqueue(new Uint8Array(1000));
                await Bun.sleep(50);
              },
            }),
        { headers: { etag: '"one"' } },
      ),
  });
  return { url: `http://127.0.0.1:${server.port}/x.img`, [Symbol.asyncDispose]: () => server.stop(true) };
}
