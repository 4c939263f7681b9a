import { readFile, rm } from "node:fs/promises";
import { parseArgs } from "node:util";
import type { BunPlugin } from "bun";

// dist/images, or a binary for another platform: the one place with the options of a build.

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
  /** Where `images upgrade --check` looks for the newest release, and the minisign public key that signs it. */
  readonly releases?: string | undefined;
  readonly key?: string | undefined;
}

/** Where the program was when it was built, for packages that ask: always the same, so that a build does not depend on its directory. */
const PLACE = "C:/images/main.js";

/**
 * Leaves out comments of licences with letters beyond ASCII: Bun keeps such comments, and one such letter makes it store the whole
 * program in two bytes a letter (2.6 MB). licenses/THIRD-PARTY.txt says what they say.
 */
const ascii: BunPlugin = {
  name: "ascii",
  setup(build) {
    build.onLoad({ filter: /[/\\]undici[/\\]lib[/\\]web[/\\]fetch[/\\]body\.js$/ }, async ({ path }) => {
      const text = await readFile(path, "utf8");
      const contents = text.replace(/\/\*!(?:[^*]|\*(?!\/))*\*\//g, (comment) => (isAscii(comment) ? comment : ""));
      return { contents, loader: "js" };
    });
  },
};
// biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII begins with them
const isAscii = (text: string): boolean => /^[\x00-\x7f]*$/.test(text);

const defined = (name: string, value: string | undefined): Readonly<Record<string, string>> =>
  value === undefined || value === "" ? {} : { [name]: JSON.stringify(value) };

type Options = Parameters<typeof Bun.build>[0];

export function optionsOf({ outfile, target, runtime, bare = false, commit, releases, key }: Wanted): Options {
  return {
    entrypoints: ["src/cli/main.ts"],
    target: "bun",
    minify: true,
    // Only what a command needs is loaded when the program starts, not the whole of it: 6 of 16 ms.
    format: "esm",
    splitting: true,
    // Faster to start, and 5 MB compressed: for Windows, whose runtime is the largest, that would be too much to download.
    bytecode: target?.includes("windows") !== true,
    // 2 MB compressed, which a release does without: its stack traces have the places of the bundle.
    sourcemap: bare ? "none" : "inline",
    metafile: true,
    define: {
      "import.meta.url": JSON.stringify(`file:///${PLACE}`),
      __filename: JSON.stringify(PLACE),
      ...defined("IMAGES_COMMIT", commit),
      ...defined("IMAGES_RELEASES", releases),
      ...defined("IMAGES_PUBLIC_KEY", key),
    },
    plugins: [ascii],
    compile: {
      outfile,
      ...(target === undefined ? {} : { target: targetOf(target) }),
      ...(runtime === undefined ? {} : { executablePath: runtime }),
      // A .env or a bunfig.toml (which can name code to run) of the directory that the program is called in is no business of its own.
      autoloadDotenv: false,
      autoloadBunfig: false,
    },
  };
}

const isTarget = (name: string): name is Bun.Build.CompileTarget => /^bun-(linux|darwin|windows)-/.test(name);
function targetOf(name: string): Bun.Build.CompileTarget {
  if (!isTarget(name)) throw new Error(`no target of Bun: ${name}`);
  return name;
}

if (import.meta.main) {
  const string = { type: "string" } as const;
  const options = {
    outfile: { ...string, default: "dist/images" },
    target: string,
    runtime: string,
    commit: string,
    releases: string,
    key: string,
    bare: { type: "boolean" },
  } as const;
  const { values } = parseArgs({ options });
  const { logs, outputs } = await Bun.build(optionsOf(values));
  for (const log of logs) console.error(log);
  // The binary has its maps inside; those beside it, one for each part, are for nobody.
  for (const { kind, path } of outputs) if (kind === "sourcemap") await rm(path);
}
