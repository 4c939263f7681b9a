import { appendFileSync } from "node:fs";
import { resolve } from "node:path";
import { Failure } from "../core/failure.ts";
import type { HttpContext } from "../core/net/context.ts";
import { printable } from "./render/text.ts";
import type { Shell } from "./shell.ts";
import { writeFailure } from "./write-failure.ts";

/** Files that could not be written: it is said once, and a run does not fail for its log. */
const broken = new Set<string>();

/**
 * What IMAGES_LOG asks for, as lines on stderr or in the file of IMAGES_LOG_PATH. `debug`: requests and retries; `trace`: headers and
 * bodies too.
 * @throws Failure cli.usage for a level that there is not, and a file that cannot be written
 */
export function traceOf(
  shell: Pick<Shell, "env" | "cwd" | "stderr" | "now">,
): Pick<HttpContext, "onRequest" | "onDetail" | "onRetry"> {
  const level = (shell.env["IMAGES_LOG"] ?? "").toLowerCase();
  if (level === "" || level === "off") return {};
  if (level !== "debug" && level !== "trace")
    throw new Failure("cli.usage", `invalid IMAGES_LOG=${level}: expected debug, trace or off`);
  const path = shell.env["IMAGES_LOG_PATH"];
  const file = path === undefined || path === "" ? undefined : resolve(shell.cwd, path);
  if (file !== undefined) append(file, "");
  const put = (kind: "debug" | "trace", text: string): void => {
    const line = `${shell.now().toISOString()} ${kind}: ${printable(text)}\n`;
    if (file === undefined) shell.stderr.write(line);
    else if (!broken.has(file)) {
      try {
        append(file, line);
      } catch (thrown) {
        broken.add(file);
        shell.stderr.write(`warning: the log ends here: ${thrown instanceof Error ? thrown.message : thrown}\n`);
      }
    }
  };
  const write = (text: string): void => put("debug", text);
  return {
    ...(level === "trace"
      ? {
          onDetail: ({ method, url, direction, lines }) => {
            for (const line of lines) put("trace", `${method} ${url} ${direction === "sent" ? ">" : "<"} ${line}`);
          },
        }
      : {}),
    onRequest: ({ method, url, status, id, failure, ms }) =>
      write([`${method} ${url}`, status ?? `failed: ${failure ?? ""}`, `${ms} ms`, id ?? ""].join(" ").trimEnd()),
    onRetry: ({ method, url, attempt, attempts, wait, failure }) =>
      write(
        `${method} ${url} attempt ${attempt} of ${attempts} failed: ${failure.message}; again in ${Math.round(wait)} ms`,
      ),
  };
}

function append(path: string, line: string): void {
  try {
    appendFileSync(path, line, { mode: 0o600 });
  } catch (cause) {
    const { message } = writeFailure(cause, path);
    throw new Failure("cli.usage", `IMAGES_LOG_PATH: ${message}`, { cause, hint: "pass another path" });
  }
}

/** What tells two listeners; the first one may be missing. */
export const both =
  <T>(first: ((event: T) => void) | undefined, second: (event: T) => void) =>
  (event: T): void => {
    first?.(event);
    second(event);
  };
