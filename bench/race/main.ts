import { access, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { isStale } from "./machine.ts";
import { type Options, race } from "./race.ts";
import { ROWS } from "./rows.ts";
import type { Row } from "./types.ts";

const USAGE = `usage: bun run bench race [ROW…] [OPTIONS]

ROW: a name, the beginning of one, or a group: local, openstack, incus. Default: all.
${ROWS.map(({ name, about }) => `  ${name.padEnd(18)} ${about}`).join("\n")}

  --rounds N          runs of each side (5)
  --budget SECONDS    no new round of a row begins after that (90); the table says how many there were
  --mib N             size of the image that is moved (BENCH_MIB, 512)
  --smoke             16 MiB, one round, a hundredth of the images: does the harness work?
  --baseline BINARY   an older build, measured in the same rounds
  --binary BINARY     the build that is measured (dist/images)
  --out FILE.md       where the table is kept, with FILE.json beside it; rows of earlier runs stay
                      (bench/results/DATE-race.md)
  --directory DIR        where files are made (the temporary directory)
  --memory DIR        the same for rows that are not about the disk (/dev/shm, if there is room)
  --no-install        a tool that is not there is a row that says so
  --profile           a flame graph of ours in each row, in place of the race
  --list              only list the rows
`;

const string = { type: "string" } as const;
const boolean = { type: "boolean", default: false } as const;

export async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      rounds: string,
      budget: string,
      mib: string,
      smoke: boolean,
      baseline: string,
      binary: { ...string, default: "dist/images" },
      out: string,
      directory: { ...string, default: tmpdir() },
      memory: string,
      "no-install": boolean,
      profile: boolean,
      list: boolean,
      help: boolean,
    },
  });
  if (values.list || values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const rows = chosen(positionals);
  const whole = (name: string, text: string): number => {
    const number = Number(text);
    if (!Number.isInteger(number) || number < 1) throw new Error(`--${name}: expected a whole number, got ${text}`);
    return number;
  };
  const options: Options = {
    rows,
    rounds: whole("rounds", values.rounds ?? (values.smoke ? "1" : "5")),
    budget: whole("budget", values.budget ?? "90"),
    mib: whole("mib", values.mib ?? (values.smoke ? "16" : (process.env["BENCH_MIB"] ?? "512"))),
    isSmoke: values.smoke,
    binary: resolve(values.binary),
    baseline: values.baseline === undefined ? undefined : resolve(values.baseline),
    out: resolve(values.out ?? `bench/results/${new Date().toISOString().slice(0, 10)}-race.md`).replace(
      /\.(md|json)$/,
      "",
    ),
    directory: values.directory,
    memory: values.memory ?? (await roomy(values.directory)),
    mayInstall: !values["no-install"],
    isProfile: values.profile,
  };
  for (const binary of [options.binary, options.baseline ?? options.binary]) await access(binary);
  if (await isStale(options.binary)) console.error("race: the binary is older than its sources: bun run build");
  return await race(options);
}

/** @throws when a word is no row */
function chosen(words: readonly string[]): readonly Row[] {
  const matches = (word: string) => {
    const exact = ROWS.filter(({ name, group }) => name === word || group === word);
    return exact.length > 0 ? exact : ROWS.filter(({ name }) => name.startsWith(word));
  };
  for (const word of words) {
    if (matches(word).length === 0) throw new Error(`there is no row ${word}: bun run bench race --list`);
  }
  return words.length === 0 ? ROWS : ROWS.filter((row) => words.some((word) => matches(word).includes(row)));
}

/** Memory, where a file system in it has 6 GiB to spare. */
async function roomy(directory: string): Promise<string> {
  const found = await statfs("/dev/shm").catch(() => undefined);
  return found !== undefined && found.bavail * found.bsize > 6 * 2 ** 30 ? "/dev/shm" : directory;
}
