import { createHash } from "node:crypto";
import { readFile, realpath } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { dirname, extname } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type BunPlugin, plugin as hook } from "bun";
import { Failure } from "./failure.ts";
import { type Digest, digest } from "./model/digest.ts";

/** The files of a plugin as they were read, once: what is hashed is what runs. */
export interface PluginCode {
  /** Of the file that was named, as it was named. */
  readonly path: string;
  /** The same file by its real path: the entry of `files`. */
  readonly entry: string;
  /** The file and everything that it imports, by real paths, in the order of their names. */
  readonly files: ReadonlyMap<string, { readonly text: string; readonly digest: Digest }>;
}

const LOADERS: Readonly<Record<string, "js" | "jsx" | "ts" | "tsx" | "json">> = {
  ".js": "js",
  ".mjs": "js",
  ".cjs": "js",
  ".jsx": "jsx",
  ".ts": "ts",
  ".mts": "ts",
  ".cts": "ts",
  ".tsx": "tsx",
  ".json": "json",
};
/** The types of Bun know only a map here. Without dead code, whatever the bundler may call is looked at. */
const WITHOUT_MACROS: object = { macro: false, deadCodeElimination: false };

/**
 * Reads a plugin file and all that it imports. Nothing of it runs.
 * @throws Failure plugin.load when a file cannot be read, or an import leads nowhere
 */
export async function readPlugin(path: string): Promise<PluginCode> {
  const entry = await realpath(path).catch((cause: unknown) => {
    throw failed(path, "there is no such file", { cause, hint: "paths are relative to images.toml" });
  });
  const files = new Map<string, { readonly text: string; readonly digest: Digest }>();
  const waiting = [entry];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (files.has(file)) continue;
    const bytes = await readFile(file).catch((cause: unknown) => {
      throw failed(path, `${file} cannot be read`, { cause });
    });
    const text = bytes.toString("utf8");
    files.set(file, { text, digest: digest("sha256", createHash("sha256").update(bytes).digest("hex")) });
    for (const name of importsOf(path, file, text)) waiting.push(await resolved(path, file, name));
  }
  return { path, entry, files: new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1))) };
}

function importsOf(plugin: string, file: string, text: string): readonly string[] {
  const loader = LOADERS[extname(file)];
  if (loader === undefined)
    throw failed(plugin, `${file} is not JavaScript, TypeScript or JSON`, {
      hint: `a plugin may import files that end in ${Object.keys(LOADERS).join(", ")}`,
    });
  if (loader === "json") return [];
  try {
    // A macro is code that runs while a file is only compiled, from a second read. Not `scan`: it runs macros.
    new Bun.Transpiler({ loader, target: "bun", ...WITHOUT_MACROS }).transformSync(text);
    const found = new Bun.Transpiler({ loader }).scanImports(text);
    return found.map((one) => one.path).filter((name) => name !== "images" && !isBuiltIn(name));
  } catch (cause) {
    if (messageOf(cause).includes("Macros are disabled"))
      throw failed(plugin, `${file} imports a macro, which would run before the file is trusted`, {
        hint: "import the function without `with`, so that it runs with the plugin",
      });
    throw failed(plugin, `${file}: ${messageOf(cause)}`, { cause });
  }
}

const isBuiltIn = (name: string): boolean => isBuiltin(name) || name === "bun" || name.startsWith("bun:");

async function resolved(plugin: string, from: string, name: string): Promise<string> {
  try {
    return await realpath(Bun.resolveSync(name, dirname(from)));
  } catch (cause) {
    throw failed(plugin, `${from} imports ${JSON.stringify(name)}, which does not exist`, {
      cause,
      hint: 'a plugin imports the module "images", files beside it, and what Bun has built in',
    });
  }
}

/** All files of disks but those of the program itself, which are on none in a compiled binary. */
const OUTSIDE = /[/\\](\$bunfs|~BUN)[/\\]/.test(Bun.main)
  ? /^/
  : new RegExp(`^(?!${RegExp.escape(fileURLToPath(new URL("../..", import.meta.url)))})`);
const AS_TEXT = 'write the path as text: import("./x.ts")';
let isGuarded = false;

/** From here on no import takes code from a disk: a plugin is in memory, and what was not read with it is not pinned. */
function guard(): void {
  if (isGuarded) return;
  isGuarded = true;
  hook({
    name: "what was not read",
    setup: (build) =>
      void build.onLoad({ filter: OUTSIDE }, ({ path }) => {
        throw new Failure("plugin.import", `${path} is not pinned: its path is computed at run time`, {
          hint: AS_TEXT,
        });
      }),
  });
}

/** Runs code that was read, from memory. Answers its default export. @throws Failure plugin.load */
export async function runPlugin(code: PluginCode): Promise<unknown> {
  guard();
  const text = await bundled(code);
  const id = `images-plugin-${createHash("sha256").update(code.entry).update("\0").update(text).digest("hex")}`;
  hook({ name: id, setup: (build) => void build.module(id, () => ({ contents: text, loader: "js" })) });
  try {
    const module: { readonly default?: unknown } = await import(id);
    return module.default;
  } catch (cause) {
    // Without the name of the module in memory, which is none of a file.
    const [text = ""] = messageOf(cause).split(/ imported from |\nRequire stack:/);
    const isImport = cause instanceof Failure || text.startsWith("Cannot find module");
    throw failed(code.path, text, { cause, ...(isImport && { hint: AS_TEXT }) });
  }
}

/** One text of all files. The bundler gets them from memory; one that was not read is refused. */
async function bundled({ path, entry, files }: PluginCode): Promise<string> {
  const reader: BunPlugin = {
    name: "what was read",
    setup: (build) =>
      void build.onLoad({ filter: /.*/ }, (asked) => {
        const loader = LOADERS[extname(asked.path)];
        const file = files.get(asked.path);
        if (file === undefined || loader === undefined) throw new Error(`${asked.path} was not read with the plugin`);
        return { contents: file.text, loader };
      }),
  };
  const made = await Bun.build({
    entrypoints: [entry],
    target: "bun",
    external: ["images"],
    sourcemap: "inline",
    throw: false,
    define: {
      "import.meta.url": JSON.stringify(pathToFileURL(entry).href),
      "import.meta.dir": JSON.stringify(dirname(entry)),
      "import.meta.path": JSON.stringify(entry),
    },
    plugins: [reader],
  });
  const [output] = made.outputs;
  if (made.success && output !== undefined) return await output.text();
  throw failed(path, made.logs.map(({ message }) => message).join("; ") || "it cannot be compiled");
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

const failed = (path: string, why: string, more: { cause?: unknown; hint?: string } = {}): Failure =>
  new Failure("plugin.load", `the plugin ${path} cannot be loaded: ${why}`, {
    hint: "see docs/plugins.md",
    ...more,
  });
