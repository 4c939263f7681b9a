import { appendFileSync } from "node:fs";
import { resolve } from "node:path";
import { Failure } from "../core/failure.ts";
import type { HttpMeans } from "../core/net/means.ts";
import { printable } from "./render/text.ts";
import type { Shell } from "./shell.ts";
import { unwritable } from "./unwritable.ts";

/** What IMAGES_LOG asks for: requests and retries as lines on stderr, or in the file of IMAGES_LOG_PATH. @throws Failure cli.usage */
export function traceOf(
  shell: Pick<Shell, "env" | "cwd" | "stderr" | "now">,
): Pick<HttpMeans, "onRequest" | "onRetry"> {
  const level = (shell.env["IMAGES_LOG"] ?? "").toLowerCase();
  if (level === "" || level === "off") return {};
  if (level !== "debug" && level !== "trace")
    throw new Failure("cli.usage", `invalid IMAGES_LOG=${level}: expected debug, trace or off`);
  const path = shell.env["IMAGES_LOG_PATH"];
  const write = (text: string): void => {
    const line = `${shell.now().toISOString()} debug: ${printable(text)}\n`;
    if (path === undefined || path === "") shell.stderr.write(line);
    else append(resolve(shell.cwd, path), line);
  };
  return {
    onRequest: ({ method, url, status, id, failure, ms }) =>
      write([`${method} ${url}`, status ?? `failed: ${failure ?? ""}`, `${ms} ms`, id ?? ""].join(" ").trimEnd()),
    onRetry: ({ method, url, attempt, attempts, wait, failure }) =>
      write(`${method} ${url} attempt ${attempt} of ${attempts} failed: ${failure.message}; again in ${wait} ms`),
  };
}

function append(path: string, line: string): void {
  try {
    appendFileSync(path, line, { mode: 0o600 });
  } catch (cause) {
    throw unwritable(cause, path);
  }
}
