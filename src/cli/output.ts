import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { Failure } from "../core/failure.ts";
import { REPORTS, type ReportKind } from "./render/report.ts";
import { writeFailure } from "./write-failure.ts";

/** A report that a command line asks for. */
export interface ReportOption {
  readonly kind: ReportKind;
  readonly path: string;
}

/** The `KIND=FILE` of `--report`. @throws Failure cli.usage */
export function parseReport(text: string, cwd: string): ReportOption {
  const [name, ...rest] = text.split("=");
  const kind = REPORTS.find((one) => one === name);
  const path = rest.join("=");
  if (kind === undefined || path === "")
    throw new Failure("cli.usage", `invalid --report ${text}: expected KIND=FILE`, {
      hint: `kinds: ${REPORTS.join(", ")}`,
    });
  return { kind, path: resolve(cwd, path) };
}

/** Checks that a file can be written later, without creating it. @throws Failure cli.usage */
export async function checkWritable(option: string, path: string): Promise<void> {
  const refuse = (why: string, cause?: unknown): never => {
    throw new Failure("cli.usage", `${option}: ${path} cannot be written: ${why}`, {
      cause,
      hint: "pass another path",
    });
  };
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory() === true) return refuse("it is a directory");
  const directory = dirname(path);
  const parent = found === undefined ? await stat(directory).catch(() => undefined) : undefined;
  if (found === undefined && parent?.isDirectory() !== true) return refuse(`there is no directory ${directory}`);
  await access(found === undefined ? directory : path, constants.W_OK).catch((cause: unknown) =>
    refuse("permission denied", cause),
  );
}

/** Runs a write of `path`. @throws Failure cli.output */
export async function writing(path: string, write: () => Promise<unknown>): Promise<void> {
  try {
    await write();
  } catch (cause) {
    throw writeFailure(cause, path);
  }
}
