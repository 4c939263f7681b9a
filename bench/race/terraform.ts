import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { overrides } from "./tools.ts";
import type { Contender, Race } from "./types.ts";

const main = (file: string, count: number) => `terraform {
  required_providers { openstack = { source = "terraform-provider-openstack/openstack" } }
}
provider "openstack" { cloud = "other" }
resource "openstack_images_image_v2" "race" {
  count            = ${count}
  name             = "race-\${count.index}"
  local_file_path  = "${file}"
  container_format = "bare"
  disk_format      = "raw"
}
`;

interface TerraformRun {
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  /** The bytes of each image. */
  readonly file: string;
  readonly count: number;
  /** apply: from nothing, each time; plan: of what was applied once. */
  readonly words: readonly ["plan"] | readonly ["apply"];
  readonly before?: () => Promise<void>;
}

/** Terraform with its OpenStack provider, and the same images. */
export async function terraform(
  race: Race,
  { directory, env, file, count, words, before }: TerraformRun,
): Promise<Contender> {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, "main.tf"), main(file, count));
  await writeFile(join(directory, "terraform.rc"), overrides(race.tool("terraform-provider-openstack")));
  const more = { ...env, TF_CLI_CONFIG_FILE: join(directory, "terraform.rc"), CHECKPOINT_DISABLE: "1" };
  const command = (...argv: readonly string[]) => ({
    argv: [race.tool("terraform"), ...argv, "-no-color", "-input=false"],
    cwd: directory,
    env: more,
  });
  const apply = command("apply", "-auto-approve");
  if (words[0] === "plan") {
    await race.run(apply);
    return { run: command("plan", "-detailed-exitcode") };
  }
  return {
    run: apply,
    before: async () => {
      for (const name of ["terraform.tfstate", "terraform.tfstate.backup"])
        await rm(join(directory, name), { force: true });
      await before?.();
    },
  };
}
