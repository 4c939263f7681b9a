import { basename, join } from "node:path";
import { directory } from "../help.ts";

/** A program of this directory, built with its bytecode: tests that start it a hundred times do not have it read and compiled each time. */
export async function builtChild(name: string) {
  const place = await directory();
  await Bun.build({
    entrypoints: [join(import.meta.dir, name)],
    outdir: place.path,
    target: "bun",
    format: "cjs",
    minify: true,
    bytecode: true,
  });
  return {
    path: join(place.path, `${basename(name, ".ts")}.js`),
    [Symbol.asyncDispose]: async () => await place[Symbol.asyncDispose](),
  };
}
