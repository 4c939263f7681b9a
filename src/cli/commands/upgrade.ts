import { Command, Option } from "clipanion";
import { Failure } from "../../core/failure.ts";
import { BaseCommand, EXIT } from "../base.ts";
import { publishedVersion } from "../published.ts";
import { PUBLIC_KEY, RELEASES, VERSION } from "../version.ts";

/** A version as `VERSION` of a release has it; what follows a + says nothing of the order. */
const FORM = /^(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?$/;

export class UpgradeCommand extends BaseCommand {
  static override readonly paths = [["upgrade"]];
  static override readonly usage = Command.Usage({
    category: "Housekeeping",
    description: "Check whether a newer release is published",
    details:
      "Compares the version with the file VERSION of the newest release at --from, IMAGES_RELEASES, or where this release was published. With --key, IMAGES_KEY or the key of this release its signature is verified. The program never replaces itself: install.sh and packages do.",
    examples: [
      ["Is there a newer one?", "$0 upgrade --check --from https://images.example/latest"],
      ["In a pipeline: exit with 2 if there is", "$0 upgrade --check --exit-code"],
    ],
  });

  readonly check = Option.Boolean("--check", false, { description: "Compare the versions" });
  readonly from = Option.String("--from", {
    description: "URL or directory of the newest release (default: IMAGES_RELEASES)",
  });
  readonly key = Option.String("--key", {
    description: "Minisign public key that must have signed the release (default: IMAGES_KEY)",
  });
  readonly allowHttp = Option.Boolean("--allow-http", false, {
    description: "Accept http:// (also IMAGES_ALLOW_HTTP=yes)",
  });
  readonly exitCode = Option.Boolean("--exit-code", false, {
    description: "Exit with 2 if there is a newer release",
  });
  readonly json = Option.Boolean("--json", false, { description: "Print JSON" });

  override async run(): Promise<number> {
    if (!this.check)
      throw new Failure("cli.usage", "images cannot replace itself", {
        hint: "images upgrade --check compares the versions; upgrade with install.sh or the package manager",
      });
    const { env } = this.context;
    const from = this.from ?? env["IMAGES_RELEASES"] ?? RELEASES ?? "";
    if (from === "" || (/^[a-z]+:\/\//i.test(from) && !/^https?:\/\//i.test(from)))
      throw new Failure(
        "cli.usage",
        `the location of releases is unknown${from === "" ? "" : `: ${from} is neither an https URL nor a directory`}`,
        { hint: "pass --from URL or --from DIRECTORY, or set IMAGES_RELEASES" },
      );
    const allowsHttp = this.allowHttp || env["IMAGES_ALLOW_HTTP"] === "yes";
    const key = this.key ?? env["IMAGES_KEY"] ?? PUBLIC_KEY;
    const newest = await publishedVersion({ from: from.replace(/\/+$/, "") || "/", key, allowsHttp }, this.context);
    if (!FORM.test(newest))
      throw new Failure("backend.answer", `${from}/VERSION does not contain a version`, {
        hint: "--from is the URL or the directory of a release",
      });
    const isNewer = compareVersions(newest, VERSION) > 0;
    const facts = { version: VERSION, newest, newer: isNewer, from, verified: key !== undefined };
    const text = isNewer
      ? `images ${newest} is published at ${from}; this is ${VERSION}\n`
      : `images ${VERSION} is up to date\n`;
    this.out.data.write(this.json ? `${JSON.stringify(facts)}\n` : text);
    return this.exitCode && isNewer ? EXIT.changes : EXIT.done;
  }
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
