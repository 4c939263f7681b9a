import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { run, TestDirectory } from "../harness.ts";
import { facts } from "./glance.ts";
import { bytes, env, mine } from "./openstack-kit.ts";

// Every argument of terraform's openstack_images_image_v2 and vkcs_images_image, by its own name, on a real Glance: set, imported, changed,
// and its line taken out. IMAGES_TABLE names a file that gets the table.

setDefaultTimeout(1_200_000);
afterAll(async () => {
  await web.stop(true);
  await mine.empty();
});

type Image = Readonly<Record<string, unknown>>;

interface Row {
  readonly argument: string;
  /** As TOML: what is set first, and what it is changed to. */
  readonly values: readonly [string, string];
  /** What Glance has of it. */
  readonly shown: (image: Image) => unknown;
  /** How the change, and the line that is taken out, come about. Default: in place. */
  readonly how?: readonly [changed: string, cleared: string];
  /** Where the bytes come from, in the place of a source. */
  readonly origin?: string;
  /** Lines that go with it. */
  readonly beside?: string;
  readonly plugins?: readonly string[];
}

const secret = "s3cret";
const web = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch: ({ url, headers }) => {
    const { pathname } = new URL(url);
    const given = Buffer.from(headers.get("authorization")?.replace("Basic ", "") ?? "", "base64").toString();
    if (pathname.startsWith("/locked") && !/^(?:ann|bob):s3cret$/.test(given))
      return new Response("who?", { status: 401 });
    if (pathname.endsWith(".gz")) return new Response(gzipSync(bytes));
    return new Response(pathname.endsWith("/b") ? bytes.map((byte) => byte ^ 1) : bytes);
  },
});
const url = `http://127.0.0.1:${web.port}`;
const size = ({ size, checksum }: Image) => `${size} bytes, md5 ${String(checksum).slice(0, 6)}…`;
const key = (name: string) => (image: Image) => image[name];
const replaced = ["replace", "replace"] as const;
const nothing = ["nothing", "nothing"] as const;

const rows: readonly Row[] = [
  { argument: "name", values: ['"one"', '"two"'], shown: key("name") },
  {
    argument: "container_format",
    values: ['"bare"', '"ovf"'],
    shown: key("container_format"),
    how: replaced,
    plugins: ["openstack"],
  },
  { argument: "disk_format", values: ['"raw"', '"iso"'], shown: key("disk_format"), how: ["refused", "nothing"] },
  {
    argument: "disk_format",
    values: ['"raw"', '"qcow2"'],
    shown: key("disk_format"),
    how: ["replace", "nothing"],
    plugins: ["openstack"],
  },
  {
    argument: "local_file_path",
    values: ['"./disk.img"', '"./other.img"'],
    shown: size,
    how: ["replace", "refused"],
    origin: "",
  },
  {
    argument: "image_source_url",
    values: [`"${url}/a"`, `"${url}/b"`],
    shown: size,
    how: ["replace", "refused"],
    origin: "",
  },
  {
    argument: "image_source_username",
    values: ['"ann"', '"bob"'],
    shown: size,
    how: nothing,
    origin: `image_source_url = "${url}/locked/a"\nimage_source_password = "env:PW"`,
  },
  {
    argument: "image_source_password",
    values: ['"env:PW"', '"env:PW2"'],
    shown: size,
    how: nothing,
    origin: `image_source_url = "${url}/locked/a"\nimage_source_username = "ann"`,
  },
  {
    argument: "image_cache_path",
    values: ['"./one"', '"./two"'],
    shown: size,
    how: nothing,
    origin: `image_source_url = "${url}/a"`,
  },
  {
    argument: "decompress",
    values: ["true", "false"],
    shown: size,
    how: replaced,
    // Without a format, packed bytes that stay packed are refused: Glance would call them a raw disk.
    origin: `disk_format = "raw"\nimage_source_url = "${url}/a.gz"`,
    plugins: ["openstack"],
  },
  {
    argument: "web_download",
    values: ["true", "false"],
    shown: size,
    how: nothing,
    origin: `image_source_url = "${url}/a"`,
    beside: 'disk_format = "raw"',
  },
  {
    argument: "image_id",
    values: ['"11111111-1111-4111-8111-UNIQUE000001"', '"11111111-1111-4111-8111-UNIQUE000002"'],
    shown: ({ id }) => String(id).replace(/^.*(?=0{5})/, "…"),
    how: ["replace", "nothing"],
  },
  { argument: "min_disk_gb", values: ["1", "2"], shown: key("min_disk") },
  { argument: "min_ram_mb", values: ["64", "128"], shown: key("min_ram") },
  { argument: "protected", values: ["true", "false"], shown: key("protected"), how: ["update", "nothing"] },
  { argument: "hidden", values: ["true", "false"], shown: key("os_hidden"), how: ["update", "nothing"] },
  { argument: "visibility", values: ['"private"', '"community"'], shown: key("visibility") },
  { argument: "tags", values: ['["b", "a"]', '["c"]'], shown: key("tags") },
  {
    argument: "properties",
    values: ['{ os_distro = "debian", x = "1" }', '{ os_distro = "ubuntu" }'],
    shown: ({ os_distro, x }) => ({ os_distro, x }),
  },
  {
    argument: "region",
    values: ['"RegionOne"', '"RegionTwo"'],
    shown: ({ region }) => region,
    how: ["replace", "nothing"],
    origin: 'local_file_path = "./small.img"',
  },
  { argument: "verify_checksum", values: ["false", "true"], shown: size, how: nothing },
  {
    argument: "members",
    values: [`["${facts.demo.project_id}"]`, "[]"],
    shown: key("members"),
    how: ["update", "nothing"],
    beside: 'visibility = "shared"',
  },
  { argument: "status", values: ['"deactivated"', '"active"'], shown: key("status"), how: ["update", "nothing"] },
];

const table = [
  "| plugin | argument | set | Glance has | import | changed to | by | Glance has | line taken out | Glance has |",
  "|---|---|---|---|---|---|---|---|---|---|",
];

/** The only image of the project, with where it is and who its members are. */
async function image(): Promise<Image> {
  for (const region of ["RegionOne", "RegionTwo"] as const)
    for (const found of await mine.images(region)) {
      if (found["visibility"] !== "shared") return { ...found, region };
      const { members }: { members: { member_id: string }[] } = JSON.parse(
        await (await mine.call("GET", `images/${found["id"]}/members`, undefined, region)).text(),
      );
      return {
        ...found,
        region,
        members: members.map(({ member_id }) => (member_id === facts.demo.project_id ? "demo" : member_id)),
      };
    }
  return {};
}

let count = 0;

for (const plugin of ["openstack", "vkcs"])
  for (const row of rows.filter(({ plugins = ["openstack", "vkcs"] }) => plugins.includes(plugin)))
    test(`${plugin}: ${row.argument} = ${row.values[0].slice(0, 40)}`, async () => {
      await mine.empty();
      const unique = `${Date.now().toString(16).slice(-5)}${(count++).toString(16)}`.padStart(6, "0").slice(-6);
      await using place = await TestDirectory.make({
        "disk.img": bytes,
        "other.img": bytes.map((byte) => byte ^ 9),
        "small.img": bytes.subarray(0, 4096),
      });
      const images = (...args: readonly string[]) => run(place, args, { env: { ...env, PW: secret, PW2: secret } });
      const declare = async (value: string | undefined) =>
        await place.write(
          "images.toml",
          `[backend.x]\nplugin = "${plugin}"\ncloud = "other"\n\n[image.big]\nbackend = "x"\n${row.origin ?? 'source = { file = "./disk.img" }'}\n${row.beside ?? ""}\n${value === undefined ? "" : `${row.argument} = ${value.replace("UNIQUE", unique)}`}\n`,
        );
      const good = ({ code, stderr }: { code: number; stderr: string }) =>
        expect([code, code === 0 ? "" : stderr]).toEqual([0, ""]);
      const settled = async () => {
        const plan = await images("plan", "--detailed-exitcode");
        expect([plan.code, plan.code === 0 ? "" : plan.stdout + plan.stderr]).toEqual([0, ""]);
      };
      /** Brings the image to a value, and says how. */
      const bring = async (value: string | undefined): Promise<string> => {
        await declare(value);
        const plan = await images("plan");
        if (
          /nothing says what to make|no image is made|has no source|existing/.test(plan.stdout + plan.stderr) ||
          plan.code !== 0
        )
          return "refused";
        const how =
          ["replace", "update", "verify", "create"].find((one) => plan.stdout.includes(` ${one} `)) ?? "nothing";
        if (row.argument !== "protected" || how !== "replace") good(await images("apply", "--yes"));
        await settled();
        return how;
      };
      const show = async () => JSON.stringify(row.shown(await image()))?.replaceAll('"', "") ?? "-";
      const [one, two] = row.values;
      expect(await bring(one)).toBe("create");
      const made = await image();
      const first = await show();
      // As if somebody else had made it: out of the state, without the marker.
      good(await images("state", "rm", "x/big"));
      const id = row.argument === "region" ? `RegionOne/${made["id"]}` : String(made["id"]);
      good(await images("import", "x/big", id));
      await settled();
      const changed = await bring(two);
      const second = await show();
      const cleared = await bring(undefined);
      const third = await show();
      const shownOf = (text: string) =>
        text.replaceAll(url, "http://…").replace(facts.demo.project_id, "demo").replace("UNIQUE", "…");
      table.push(
        `| ${plugin} | \`${row.argument}\` | \`${shownOf(one)}\` | ${first} | plan empty | \`${shownOf(two)}\` | ${changed} | ${second} | ${cleared} | ${third} |`,
      );
      expect([row.argument, changed, cleared]).toEqual([row.argument, ...(row.how ?? ["update", "update"])]);
      if ((row.how?.[0] ?? "update") === "update") expect(second).not.toBe(first);
    });

test("the table", async () => {
  const path = process.env["IMAGES_TABLE"];
  if (path !== undefined) await Bun.write(path, `${table.join("\n")}\n`);
  expect(table.length).toBeGreaterThan(2);
});
