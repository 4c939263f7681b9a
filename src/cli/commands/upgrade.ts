import { Command, Option } from "clipanion";
import { redactUrls } from "../../core/config/redact.ts";
import { Failure } from "../../core/failure.ts";
import { createHttpClient } from "../../core/net/http.ts";
import { BaseCommand, EXIT } from "../base.ts";
import type { Shell } from "../shell.ts";
import { traceOf } from "../trace.ts";
import { VERSION } from "../version.ts";

/** A version as `VERSION` of a release has it. */
const FORM = /^(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?$/;

export class UpgradeCommand extends BaseCommand {
  static override readonly paths = [["upgrade"]];
  static override readonly usage = Command.Usage({
    category: "Housekeeping",
    description: "Check whether a newer release is published",
    details:
      "Compares the version with the file VERSION of the newest release at --from or IMAGES_RELEASES. The program never replaces itself: install.sh and packages do.",
    examples: [
      ["Is there a newer one?", "$0 upgrade --check --from https://images.example/latest"],
      ["In a pipeline: exit with 2 if there is", "$0 upgrade --check --exit-code"],
    ],
  });

  readonly check = Option.Boolean("--check", false, { description: "Compare the versions" });
  readonly from = Option.String("--from", { description: "URL of the newest release (default: IMAGES_RELEASES)" });
  readonly exitCode = Option.Boolean("--exit-code", false, {
    description: "Exit with 2 if there is a newer release",
  });
  readonly json = Option.Boolean("--json", false, { description: "Print JSON" });

  override async run(): Promise<number> {
    if (!this.check)
      throw new Failure("cli.usage", "images cannot replace itself", {
        hint: "images upgrade --check compares the versions; upgrade with install.sh or the package manager",
      });
    const from = this.from ?? this.context.env["IMAGES_RELEASES"] ?? "";
    if (!/^https?:\/\//.test(from))
      throw new Failure(
        "cli.usage",
        `the location of releases is unknown${from === "" ? "" : `: ${from} is not a URL`}`,
        {
          hint: "pass --from URL, or set IMAGES_RELEASES",
        },
      );
    const newest = await published(from, this.context);
    const isNewer = compareVersions(newest, VERSION) > 0;
    const facts = { version: VERSION, newest, newer: isNewer, from };
    const text = isNewer
      ? `images ${newest} is published at ${from}; this is ${VERSION}\n`
      : `images ${VERSION} is up to date\n`;
    this.out.data.write(this.json ? `${JSON.stringify(facts)}\n` : text);
    return this.exitCode && isNewer ? EXIT.changes : EXIT.done;
  }
}

async function published(from: string, shell: Shell): Promise<string> {
  const { signal, env } = shell;
  const context = { ...traceOf(shell), redact: redactUrls, maskSecret: () => undefined, env };
  await using http = createHttpClient({ url: from }, context);
  const answer = await http.send("GET", "VERSION", { signal, timeout: 30 });
  const version = (await answer.text()).trim();
  if (FORM.test(version)) return version;
  throw new Failure("backend.answer", `${from}/VERSION does not contain a version`, {
    hint: "--from is the URL of a release's directory",
  });
}

/** By the rules of semantic versions: negative where `a` is older. */
export function compareVersions(a: string, b: string): number {
  const [x, y] = [FORM.exec(a), FORM.exec(b)];
  for (const i of [1, 2, 3]) {
    const difference = Number(x?.[i] ?? 0) - Number(y?.[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return comparePre(x?.[4], y?.[4]);
}

/** A pre-release is older than its release; its parts are compared one by one, numbers as numbers and before words. */
function comparePre(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
  const [x, y] = [a.split("."), b.split(".")];
  for (const [i, left] of x.entries()) {
    const right = y[i];
    if (right === undefined) return 1;
    if (left === right) continue;
    const [m, n] = [/^\d+$/.test(left), /^\d+$/.test(right)];
    if (m !== n) return m ? -1 : 1;
    return m ? Number(left) - Number(right) : left < right ? -1 : 1;
  }
  return x.length - y.length;
}
