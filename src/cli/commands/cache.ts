import { Command, Option } from "clipanion";
import { shortDigest } from "../../core/model/digest.ts";
import { cacheGc, cacheList, cacheMax, cacheRoot, cacheVerify } from "../../core/source/cache/index.ts";
import { BaseCommand, EXIT, optionCount, optionSeconds } from "../base.ts";
import { bytes, plural } from "../render/format.ts";
import { printable, table } from "../render/text.ts";

const category = "Housekeeping";

export class CacheListCommand extends BaseCommand {
  static override readonly paths = [["cache", "list"]];
  static override readonly usage = Command.Usage({
    category,
    description: "List cached downloads",
    examples: [
      ["As text", "$0 cache list"],
      ["As JSON", "$0 cache list --json"],
    ],
  });

  readonly json = Option.Boolean("--json", false, { description: "Print JSON" });

  override async run(): Promise<number> {
    const entries = await cacheList(cacheRoot(this.context.env));
    const rows = entries.map(({ digest, size, used, from }) => [
      shortDigest(digest),
      bytes(size),
      used.slice(0, 16),
      printable(from),
    ]);
    const text =
      entries.length === 0
        ? "The cache is empty.\n"
        : `${table([["DIGEST", "SIZE", "USED", "FROM"], ...rows]).join("\n")}\n`;
    this.out.data.write(this.json ? `${JSON.stringify(entries, undefined, 2)}\n` : text);
    return EXIT.done;
  }
}

export class CacheGcCommand extends BaseCommand {
  static override readonly paths = [["cache", "gc"]];
  static override readonly usage = Command.Usage({
    category,
    description: "Evict the least recently used downloads",
    details:
      "Without options, evicts until the cache is below IMAGES_CACHE_MAX (default 20 GiB), and deletes leftovers of interrupted runs.",
    examples: [
      ["Down to the limit", "$0 cache gc"],
      ["Everything not used for a month", "$0 cache gc --max-age 30d"],
      ["Everything", "$0 cache gc --max-bytes 0"],
    ],
  });

  readonly maxBytes = Option.String("--max-bytes", { description: "Size to keep" });
  readonly maxAge = Option.String("--max-age", { description: "Evict downloads not used for this long (30d, 12h)" });

  override async run(): Promise<number> {
    const maxAge = optionSeconds("--max-age", this.maxAge);
    const maxBytes = optionCount("--max-bytes", this.maxBytes, 0) ?? cacheMax(this.context.env);
    const {
      removed,
      kept,
      bytes: freed,
    } = await cacheGc(
      cacheRoot(this.context.env),
      { maxBytes, ...(maxAge === undefined ? {} : { maxAge }) },
      this.context.now(),
    );
    this.note(`removed ${plural(removed.length, "file")}, freed ${bytes(freed)}; ${plural(kept.length, "file")} stay`);
    return EXIT.done;
  }
}

export class CacheVerifyCommand extends BaseCommand {
  static override readonly paths = [["cache", "verify"]];
  static override readonly usage = Command.Usage({
    category,
    description: "Verify cached downloads and delete damaged ones",
    examples: [["After a bad disk", "$0 cache verify"]],
  });

  override async run(): Promise<number> {
    const { good, bad } = await cacheVerify(cacheRoot(this.context.env), this.context.signal);
    for (const { digest, from } of bad) this.note(`damaged, and removed: ${digest} (${printable(from)})`);
    this.note(`${plural(good.length, "file")} good, ${bad.length} damaged`);
    return bad.length === 0 ? EXIT.done : EXIT.failed;
  }
}
