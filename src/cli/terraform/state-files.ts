import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Failure } from "../../core/failure.ts";
import { readState, type TerraformInstance } from "./document.ts";

/** A state that was read, and the directory that relative paths in it start from. */
export interface StateFile {
  readonly path: string;
  readonly directory: string;
  readonly instances: readonly TerraformInstance[];
}

/**
 * The state in a file, or those of a directory: its terraform.tfstate, else every *.tfstate in it.
 * @throws Failure cli.terraform
 */
export async function readStates(path: string): Promise<readonly StateFile[]> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new Failure("cli.terraform", `there is no ${path}`, {
      cause,
      hint: "pass a state file, or a directory with terraform.tfstate",
    });
  });
  const files = found.isDirectory() ? await inFolder(path) : [path];
  return await Promise.all(
    files.map(async (file): Promise<StateFile> => {
      const text = await readFile(file, "utf8").catch((cause: unknown) => {
        throw new Failure("cli.terraform", `${file} cannot be read`, { cause });
      });
      return { path: file, directory: dirname(file), instances: readState(text, file) };
    }),
  );
}

async function inFolder(directory: string): Promise<readonly string[]> {
  const names = (await readdir(directory)).sort();
  const own = names.includes("terraform.tfstate")
    ? ["terraform.tfstate"]
    : names.filter((name) => name.endsWith(".tfstate"));
  if (own.length > 0) return own.map((name) => join(directory, name));
  const hint = names.includes("terraform.tfstate.d")
    ? `it has workspaces; pass one: ${join(directory, "terraform.tfstate.d", "NAME")}`
    : names.includes(".terraform")
      ? "it is a remote state: terraform state pull > state.json, and pass that file"
      : "pass a state file, or a directory with terraform.tfstate";
  throw new Failure("cli.terraform", `there is no state in ${directory}`, { hint });
}
