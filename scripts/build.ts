import { parseArgs } from "node:util";

// dist/images, or a binary for another platform: the one place with the flags of a build.

/** What a build is given besides the tree that it is of. */
export interface Wanted {
  readonly outfile: string;
  /** As `bun build --target` has it; without it this machine's. */
  readonly target?: string | undefined;
  /** The runtime of that target, so that none is downloaded. */
  readonly runtime?: string | undefined;
  /** Without the source map. */
  readonly bare?: boolean | undefined;
  /** The commit that `images version` tells. */
  readonly commit?: string | undefined;
}

/** Where the program was when it was built, for packages that ask: always the same, so that a build does not depend on its folder. */
const PLACE = "C:/images/main.js";

/** The words after `bun`. */
export function words({ outfile, target, runtime, commit, bare = false }: Wanted): readonly string[] {
  return [
    "build",
    "--compile",
    "--minify",
    // Faster to start, and 5 MB compressed: for Windows, whose runtime is the largest, that would be too much to download.
    ...(target?.includes("windows") === true ? [] : ["--bytecode"]),
    // 2 MB compressed, which a release does without: its stack traces have the places of the bundle.
    ...(bare ? [] : ["--sourcemap"]),
    // A .env or a bunfig.toml (which can name code to run) of the folder that the program is called in is no business of its own.
    "--no-compile-autoload-dotenv",
    "--no-compile-autoload-bunfig",
    `--define=import.meta.url="file:///${PLACE}"`,
    `--define=__filename="${PLACE}"`,
    ...(commit === undefined ? [] : [`--define=IMAGES_COMMIT="${commit}"`]),
    ...(target === undefined ? [] : [`--target=${target}`]),
    ...(runtime === undefined ? [] : [`--compile-executable-path=${runtime}`]),
    "src/cli/main.ts",
    "--outfile",
    outfile,
  ];
}

if (import.meta.main) {
  const string = { type: "string" } as const;
  const options = {
    outfile: { ...string, default: "dist/images" },
    target: string,
    runtime: string,
    commit: string,
    bare: { type: "boolean" },
  } as const;
  const { values } = parseArgs({ options });
  const made = Bun.spawn([process.execPath, ...words(values)], { stdio: ["ignore", "inherit", "inherit"] });
  process.exitCode = await made.exited;
}
