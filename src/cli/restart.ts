import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";

/**
 * The runtime compiles each function that runs often a third time. For a plan of thousands of images that takes as long as all that is
 * planned, and ends too late to be of use. This is 15 times as often: a loop over bytes reaches it in milliseconds. A running program
 * cannot set it. A runtime that does not know it refuses to start, so that the tests of this file tell when it goes away.
 */
const SETTING = "BUN_JSC_thresholdForFTLOptimizeAfterWarmUp";
const LATE = "1000000";
/**
 * The same of the second compiler, for an apply: what it does for each of a thousand images runs too seldom to earn what compiling it costs, a
 * tenth of all CPU and 8 MB. This is 16 times as often; for some thousand images it would be too late.
 */
const SECOND = "BUN_JSC_thresholdForOptimizeAfterWarmUp";
const LATER = "16000";
/** The heap of such a plan doubles before the collector looks at it. At half as much again it takes less memory, and no more time. */
const HEAP = "BUN_JSC_smallHeapGrowthFactor";
const GROWTH = "1.5";
/** A file of about a thousand images: from here on more is gained than the 20 ms of another start. And one of two thousand. */
const [LARGE, LARGER] = [32 * 1024, 96 * 1024];

/** The program as it was called. */
interface Called {
  readonly words: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The environment with which a command about a large file runs faster; undefined: as it is. */
export function tunedFor({ words, cwd, env }: Called): NodeJS.ProcessEnv | undefined {
  const command = words.find((word) => !word.startsWith("-"));
  if (env[SETTING] !== undefined || command === undefined || command.startsWith("__")) return undefined;
  const directory = optionOf(words, /^--?chdir$/) ?? ".";
  const file = resolve(cwd, directory, optionOf(words, /^(?:-f|--?file)$/) ?? "images.toml");
  const found = statSync(file, { throwIfNoEntry: false });
  if (found?.isFile() !== true || found.size < LARGE) return undefined;
  if ([...words, ...Object.values(env), readFileSync(file, "utf8")].some(mayName)) return undefined;
  const isSecond = command === "apply" && found.size < LARGER && env[SECOND] === undefined;
  return { [HEAP]: GROWTH, ...env, [SETTING]: LATE, ...(isSecond ? { [SECOND]: LATER } : {}) };
}

/** Whether a text names a file that the caller opened, as `--var-file <(…)` does, or a configuration that may: a new start closes them. */
const mayName = (text: string | undefined): boolean =>
  text !== undefined && (text.includes("/fd/") || /^\s*include\s*=/m.test(text));

function optionOf(words: readonly string[], option: RegExp): string | undefined {
  const at = words.findIndex((word) => option.test(word.split("=", 1)[0] ?? ""));
  const word = words[at];
  if (word === undefined) return undefined;
  return word.includes("=") ? word.slice(word.indexOf("=") + 1) : words[at + 1];
}

/**
 * Begins again in the same process, where that makes a large plan faster; else returns. Nothing may have been opened or read before. What
 * this program starts does not get the settings.
 */
export function restartTuned(): void {
  const { env, argv, argv0, execPath } = process;
  try {
    const tuned = isCompiled() ? tunedFor({ words: argv.slice(2), cwd: process.cwd(), env }) : undefined;
    if (env[SETTING] === LATE)
      for (const [name, value] of Object.entries({ [HEAP]: GROWTH, [SECOND]: LATER }))
        if (env[name] === value) delete env[name];
    delete env[SETTING];
    if (tuned === undefined || process.execve === undefined) return;
    // The runtime says on stderr that this is experimental. Where it is not there, or fails, the plan is made without it.
    const { emitWarning } = process;
    process.emitWarning = () => {};
    try {
      process.execve(execPath, [argv0, ...argv.slice(2)], tuned);
    } finally {
      process.emitWarning = emitWarning;
    }
  } catch {
    // Slower, and otherwise the same.
  }
}

const isCompiled = (): boolean => process.platform === "linux" && Bun.main.startsWith("/$bunfs/");
