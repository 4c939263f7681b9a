import { afterAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { dirname } from "node:path";
import { facts } from "./glance.ts";
import { at, bytes, env, FILE, images, mine, settled } from "./openstack-kit.ts";

// A state that terraform's own provider made on a real Glance, adopted. IMAGES_TERRAFORM_PROVIDER names the provider's program:
// go install github.com/terraform-provider-openstack/terraform-provider-openstack/v3@latest

setDefaultTimeout(1_200_000);
beforeEach(() => mine.empty());
afterAll(() => mine.empty());

const provider = process.env["IMAGES_TERRAFORM_PROVIDER"] ?? "";
const skipped = provider === "" ? " (skipped: IMAGES_TERRAFORM_PROVIDER is not set)" : "";

const main = (url: string) => `
terraform {
  required_providers { openstack = { source = "terraform-provider-openstack/openstack" } }
}
provider "openstack" { cloud = "other" }
locals { visibilities = ["private", "shared", "community"] }
resource "openstack_images_image_v2" "many" {
  count            = 97
  name             = "many-\${count.index}"
  local_file_path  = "./disk.img"
  container_format = "bare"
  disk_format      = "raw"
  visibility       = local.visibilities[count.index % 3]
  protected        = count.index % 10 == 9
  hidden           = count.index % 10 == 8
  min_disk_gb      = count.index % 4
  min_ram_mb       = 64 * (count.index % 3)
  tags             = count.index % 2 == 0 ? ["b", "a"] : []
  properties       = count.index % 5 == 0 ? {} : { os_distro = "debian", hw_disk_bus = "scsi" }
}
resource "openstack_images_image_v2" "each" {
  for_each         = toset(["one", "two"])
  name             = "each \${each.key}"
  image_source_url = "${url}/disk.img"
  web_download     = each.key == "two"
  container_format = "bare"
  disk_format      = "raw"
  visibility       = "shared"
}
resource "openstack_images_image_v2" "own" {
  image_id         = "0b2b0c54-3a0c-4c4a-9d4e-5a8d6b6f1c01"
  name             = "own"
  local_file_path  = "./disk.img"
  verify_checksum  = false
  container_format = "bare"
  disk_format      = "raw"
}
resource "openstack_images_image_access_v2" "given" {
  for_each  = openstack_images_image_v2.each
  image_id  = each.value.id
  member_id = "${facts.demo.project_id}"
}
`;

const bare = (image: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(image).filter(([key]) => key !== "updated_at" && !key.startsWith("images_")));

test.skipIf(provider === "")(
  `100 images of a state that terraform made: adopted, and the plan is empty${skipped}`,
  async () => {
    await using web = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response(bytes) });
    await using place = await at(FILE);
    const text = await Bun.file(place.at("images.toml")).text();
    await place.write("images.toml", text.slice(0, text.indexOf("[image.")));
    await place.write("main.tf", main(`http://127.0.0.1:${web.port}`));
    const rc = `provider_installation {\n  dev_overrides { "terraform-provider-openstack/openstack" = "${dirname(provider)}" }\n  direct {}\n}\n`;
    await place.write("terraform.rc", rc);
    const ran = Bun.spawn(["terraform", "apply", "-auto-approve", "-no-color", "-input=false"], {
      cwd: place.path,
      env: { ...process.env, ...env, TF_CLI_CONFIG_FILE: place.at("terraform.rc"), CHECKPOINT_DISABLE: "1" },
      stdout: "pipe",
      stderr: "pipe",
    });
    const [out, err] = await Promise.all([new Response(ran.stdout).text(), new Response(ran.stderr).text()]);
    expect([await ran.exited, err, out.includes("102 added")]).toEqual([0, "", true]);
    const before = await mine.images();
    expect(before.length).toBe(100);
    const said = await images(place, "import", "--from-terraform", "terraform.tfstate");
    expect([said.code, said.code === 0 ? "" : said.stderr]).toEqual([0, ""]);
    await settled(place);
    const after = new Map((await mine.images()).map((image) => [image["id"], bare(image)]));
    for (const image of before) expect(after.get(image["id"])).toEqual(bare(image));
    const keep = process.env["IMAGES_KEEP_STATE"];
    if (keep !== undefined) await Bun.write(keep, await Bun.file(place.at("terraform.tfstate")).text());
    expect(createHash("md5").update(bytes).digest("hex")).toBe(String(before[0]?.["checksum"]));
  },
);
