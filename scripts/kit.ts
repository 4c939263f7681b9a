import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, normalize } from "node:path";

// kit/images.d.ts.txt: the types of the module "images", in one file, for plugins outside of the repository.

const HEAD = '// The module "images", as `images plugins new` writes it. Not to be edited.\n';
/** Modules that only the types of "images" are made of; a plugin imports none of them. */
const INSIDE = "images-internal/";

/** The declarations of src/core/surface.ts and all that it is made of, each as a module of its own. */
export async function kitTypes(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), "images-kit-"));
  try {
    const options = ["--ignoreConfig", "--declaration", "--emitDeclarationOnly", "--noEmit", "false", "--outDir", made];
    const language = ["--target", "esnext", "--lib", "esnext", "--types", "bun", "--module", "preserve", "--strict"];
    const modules = [
      "--moduleResolution",
      "bundler",
      "--allowImportingTsExtensions",
      "--skipLibCheck",
      "--exactOptionalPropertyTypes",
    ];
    const words = [
      process.execPath,
      "x",
      "tsc",
      ...options,
      ...language,
      ...modules,
      "src/core/format/liblzma-wasm.d.ts",
      "src/core/net/undici.d.ts",
      "src/core/surface.ts",
    ];
    const compiler = Bun.spawn(words, { stdout: "pipe", stderr: "inherit" });
    const said = await new Response(compiler.stdout).text();
    if ((await compiler.exited) !== 0) throw new Error(said);
    const files = (await Array.fromAsync(new Bun.Glob("**/*.d.ts").scan(made))).sort();
    const all = files.map(async (file) => moduleOf(file, await Bun.file(join(made, file)).text()));
    return `${HEAD}\n${reached(await Promise.all(all)).join("\n")}`;
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}

/** The modules whose types those of "images" are made of; the compiler writes all that the program is made of. */
function reached(modules: readonly string[]): readonly string[] {
  const byName = new Map(modules.map((text) => [/^declare module ("[^"]+")/.exec(text)?.[1] ?? "", text]));
  const names = new Set(['"images"']);
  for (const name of names)
    for (const [, to = ""] of byName.get(name)?.matchAll(/(?:from |import\()("[^"]+")/g) ?? []) names.add(to);
  return [...byName].flatMap(([name, text]) => (names.has(name) ? [text] : []));
}

function moduleOf(file: string, text: string): string {
  const nameOf = (path: string) => (path === "surface.d.ts" ? "images" : `${INSIDE}${path.replace(/\.d\.ts$/, "")}`);
  const absolute = text.replace(/(from |import\()"(\.[^"]+)"/g, (_, word: string, to: string) => {
    const path = normalize(join(dirname(file), to)).replace(/\.ts$/, ".d.ts");
    return `${word}"${nameOf(path)}"`;
  });
  const inside = absolute.replace(/^(export )?declare /gm, "$1").trimEnd();
  const lines = inside.split("\n").map((line) => (line === "" ? "" : `  ${line}`));
  return `declare module "${nameOf(file)}" {\n${lines.join("\n")}\n}\n`;
}

if (import.meta.main) await Bun.write("kit/images.d.ts.txt", await kitTypes());
