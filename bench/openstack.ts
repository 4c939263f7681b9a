// An upload of 2 GiB against `openstack image create --file` and `curl -T`, and a plan over 1,000 images against
// `openstack image list --long`, with a real Glance: eval "$(tests/live/openstack-up DIR)" first. IMAGES_BENCH_MIB, IMAGES_BENCH_IMAGES and IMAGES_BENCH_ROUNDS for
// other sizes.
import { join, resolve } from "node:path";
import { clouds, facts, Project } from "../tests/live/glance.ts";
import { inDirectory, line, show, sideBySide, took } from "./measure.ts";

const MiB = 2 ** 20;
const SIZE = Number(process.env["IMAGES_BENCH_MIB"] ?? 2048);
const COUNT = Number(process.env["IMAGES_BENCH_IMAGES"] ?? 1000);
const ROUNDS = Number(process.env["IMAGES_BENCH_ROUNDS"] ?? 3);
const binary = resolve(process.env["IMAGES_BINARY"] ?? "dist/images");
const env = { OS_CLIENT_CONFIG_FILE: clouds, OS_CLOUD: "demo" };
const demo = await Project.login(facts.demo);

const toml = (images: readonly string[]) =>
  `[backend.x]\nplugin = "openstack"\ncloud = "demo"\n${images.map((image) => `[image.${image}]\nbackend = "x"\ndisk_format = "raw"\nsource = { file = "./disk.img" }\n`).join("\n")}`;

await inDirectory(async (directory) => {
  const disk = join(directory, "disk.img");
  const writer = Bun.file(disk).writer();
  for (let i = 0; i < SIZE; i++) {
    writer.write(crypto.getRandomValues(new Uint8Array(65536)));
    for (let at = 65536; at < MiB; at += 65536) writer.write(new Uint8Array(65536).fill(i + at));
    await writer.flush();
  }
  await writer.end();
  await Bun.write(join(directory, "images.toml"), toml(["big"]));
  const ours = async () => {
    await took([binary, "destroy", "--yes"], directory, env);
    await demo.empty();
    return await took([binary, "apply", "--yes"], directory, env);
  };
  const create = ["openstack", "image", "create", "--disk-format", "raw", "--file", disk, "cli"];
  line(
    `upload of ${SIZE} MiB`,
    await sideBySide(ROUNDS, ours, () => took(create, directory, env)),
    "openstack image create",
  );
  const curl = async () => {
    const fields = { name: "curl", disk_format: "raw", container_format: "bare" };
    const { id }: { id: string } = JSON.parse(await (await demo.call("POST", "images", fields)).text());
    const url = `${facts.glance.RegionOne}/v2/images/${id}/file`;
    const headers = ["-H", `X-Auth-Token: ${demo.token}`, "-H", "Content-Type: application/octet-stream"];
    return await took(["curl", "-sSf", "-T", disk, ...headers, url], directory);
  };
  line(`upload of ${SIZE} MiB`, await sideBySide(ROUNDS, ours, curl), "curl -T");
  await demo.empty();
});

await inDirectory(async (directory) => {
  await Bun.write(join(directory, "disk.img"), "small\n".repeat(1000));
  const names = Array.from({ length: COUNT }, (_, i) => `small-${i}`);
  await Bun.write(join(directory, "images.toml"), toml(names));
  console.log(`apply of ${COUNT} images: ${show(await took([binary, "apply", "--yes"], directory, env))}`);
  const plan = () => took([binary, "plan", "--detailed-exitcode"], directory, env);
  const list = () => took(["openstack", "image", "list", "--long", "-f", "json"], directory, env);
  line(`plan over ${COUNT} images`, await sideBySide(ROUNDS, plan, list), "openstack image list --long");
  await demo.empty();
});
