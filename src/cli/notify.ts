import { hostname } from "node:os";
import { basename } from "node:path";
import type { Secrets } from "../core/config/secrets.ts";
import { userName } from "../core/disk/account.ts";
import { asFailure } from "../core/failure.ts";
import type { Config, Notify, NotifyEvent } from "../core/model/declaration.ts";
import { isPending, type Plan } from "../core/model/plan.ts";
import { createHttpClient } from "../core/net/http.ts";
import type { RunReport } from "./render/run-report.ts";
import { printable } from "./render/text.ts";
import type { Shell } from "./shell.ts";

/** What is known of a run at its end. */
export interface RunSummary {
  readonly command: string;
  readonly plan: Plan | undefined;
  readonly report: RunReport | undefined;
  /** What ended it before its end. */
  readonly thrown: unknown;
}

/** One thing that is reported. */
interface Telling {
  readonly event: NotifyEvent;
  readonly summary: string;
  readonly addresses: readonly string[];
  readonly errors: readonly string[];
}

/** What there is to tell of a run; of one in which nothing happened: nothing. */
function tellings({ command, plan, report, thrown }: RunSummary): readonly Telling[] {
  const found: Telling[] = [];
  const steps = [...(report?.steps ?? [])];
  const failed = steps.flatMap(([address, one]) =>
    one.result === "failed" ? [[address, `${address}: ${one.failure.message}`] as const] : [],
  );
  const outages = (plan?.outages ?? []).map(({ backend, message }) => `${backend}: ${message}`);
  const errors = [...failed.map(([, text]) => text), ...outages];
  if (thrown !== undefined) errors.push(asFailure(thrown).message);
  const isApply = command !== "plan";
  const counts = report?.command === undefined || report.command === "plan" ? undefined : report.counts;
  const changed = counts === undefined ? 0 : counts.added + counts.changed + counts.destroyed + counts.imported;
  const said =
    counts === undefined ? "" : `${counts.added} added, ${counts.changed} changed, ${counts.destroyed} destroyed`;
  if (
    thrown !== undefined ||
    outages.length > 0 ||
    (isApply && report !== undefined && report.outcome !== "succeeded")
  ) {
    const what = report?.outcome === "interrupted" ? "was interrupted" : "failed";
    const summary = `${command} ${what}${said === "" ? "" : `: ${said}, ${failed.length} failed`}`;
    found.push({ event: "failed", summary, addresses: failed.map(([address]) => address), errors });
  } else if (isApply && changed > 0) {
    const done = steps.flatMap(([address, { result }]) => (result === "done" ? [address] : []));
    found.push({ event: "applied", summary: `${command} complete: ${said}`, addresses: done, errors: [] });
  }
  const drifted = [...new Set((plan?.drift ?? []).map(({ address }) => address))];
  if (drifted.length > 0) {
    const summary = `${drifted.length} ${drifted.length === 1 ? "image was" : "images were"} changed outside of the file`;
    found.push({ event: "drifted", summary, addresses: drifted, errors: [] });
  }
  const blocked = (plan?.steps ?? []).filter((step) => isPending(step) && step.action === "block");
  if (blocked.length > 0) {
    const addresses = blocked.map(({ address }) => address);
    const summary = `${blocked.length} ${blocked.length === 1 ? "image is" : "images are"} blocked`;
    found.push({ event: "blocked", summary, addresses, errors: [] });
  }
  return found;
}

const SLACK = '{"text":"{{name}}: {{summary}}\\n{{addresses}}\\n{{errors}}\\n{{link}}"}';
/** Seconds for one notification, with its second try. */
const PATIENCE = 10;

/** Tells everybody that `[[notify]]` names. It never fails: what could not be reported is a note. */
export async function notifyAll(
  ended: RunSummary,
  config: Config,
  secrets: Secrets,
  shell: Shell,
  note: (text: string) => void,
): Promise<void> {
  const all = tellings(ended).flatMap((telling) =>
    (config.notify ?? []).flatMap((to) => (to.on.includes(telling.event) ? [{ to, telling }] : [])),
  );
  await Promise.all(
    all.map(async ({ to, telling }) => {
      try {
        await send(to, bodyOf(to, factsOf(telling, ended, config, shell), secrets), secrets, shell);
      } catch (thrown) {
        note(`warning: no notification that it ${telling.event}: ${printable(asFailure(thrown).message)}`);
      }
    }),
  );
}

type Facts = Readonly<Record<string, string | readonly string[]>>;

function factsOf(telling: Telling, { command }: RunSummary, config: Config, { env, now }: Shell): Facts {
  return {
    ...telling,
    name: config.settings.name === "" ? basename(config.file) : config.settings.name,
    file: basename(config.file),
    command,
    user: env["GITLAB_USER_LOGIN"] ?? env["GITHUB_ACTOR"] ?? env["USER"] ?? userName(),
    host: hostname(),
    at: now().toISOString(),
    link: env["CI_JOB_URL"] ?? githubRun(env) ?? "",
  };
}

function githubRun(env: Shell["env"]): string | undefined {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository, GITHUB_RUN_ID: id } = env;
  return server === undefined || repository === undefined || id === undefined
    ? undefined
    : `${server}/${repository}/actions/runs/${id}`;
}

function bodyOf({ template }: Notify, facts: Facts, secrets: Secrets): string {
  if (template === undefined) return secrets.redact(JSON.stringify({ version: 1, ...facts }));
  const text = template === "slack" ? SLACK : template;
  // As part of a JSON text: what is put in never ends a string there.
  const filled = text.replace(/\{\{\s*(.*?)\s*\}\}/g, (_, name: string) => {
    const value = facts[name] ?? "";
    return JSON.stringify(typeof value === "string" ? value : value.join("\n")).slice(1, -1);
  });
  return secrets.redact(filled);
}

async function send({ url, headers }: Notify, body: string, secrets: Secrets, shell: Shell): Promise<void> {
  const target = await secrets.text(url);
  secrets.maskSecret(target);
  const given: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) given[name] = await secrets.text(value);
  const isJson = /^\s*[[{]/.test(body);
  await using http = createHttpClient(
    { url: target, credentials: "`headers` of [[notify]]" },
    { env: shell.env, redact: (text) => secrets.redact(text), maskSecret: (text) => secrets.maskSecret(text) },
  );
  const answer = await http.send("POST", target, {
    signal: AbortSignal.timeout(PATIENCE * 1000),
    timeout: PATIENCE,
    body,
    headers: { "content-type": isJson ? "application/json" : "text/plain; charset=utf-8", ...given },
  });
  await answer.text();
}
