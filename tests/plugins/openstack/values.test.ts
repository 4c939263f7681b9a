import { expect, test } from "bun:test";
import { address, backendName, type Desired, imageName, type Marker, parseDigest } from "images";
import { check } from "../../../src/core/model/check.ts";
import { messageIn } from "../../../src/plugins/openstack/explain.ts";
import { idAt, parseId } from "../../../src/plugins/openstack/ids.ts";
import { observed, operations } from "../../../src/plugins/openstack/image.ts";
import { pulls } from "../../../src/plugins/openstack/import.ts";
import { rules } from "../../../src/plugins/openstack/rules.ts";
import { image, type OsImage } from "../../../src/plugins/openstack/schema.ts";
import { vkcs } from "../../../src/plugins/vkcs/index.ts";

const at = address(backendName("x"), imageName("small"));
const marker: Marker = { file: "images", owner: at, content: "sha256:1" };

function wanted(written: Readonly<Record<string, unknown>>): Desired<OsImage> {
  const checked = check(image, written);
  if (!checked.ok) throw new Error(JSON.stringify(checked.faults));
  return checked.value;
}
const complaints = (written: Readonly<Record<string, unknown>>) =>
  rules(wanted(written), { source: true }).map(({ attribute }) => attribute);

type Answer = Parameters<typeof observed>[0];
const ANSWER = {
  id: "i1",
  name: "small",
  status: "active",
  visibility: "shared",
  owner: "p1",
  tags: ["b", "a"],
  min_disk: 0,
  min_ram: 0,
  protected: false,
  os_hidden: false,
  checksum: "0".repeat(32),
  os_hash_algo: "sha512",
  os_hash_value: "1".repeat(128),
  images_file: "images",
  images_owner: "x/small",
  images_content: "sha256:1",
  os_glance_import_task: "t",
  direct_url: "file:///x",
  os_distro: "debian",
  key: "v",
};
const home = { region: "One", isHome: true, project: "p1" };
const answer = (more: Partial<Answer> = {}): Answer => Object.assign({ ...ANSWER }, more);

test("the server's properties and the mark are shown as no properties of the user's", () => {
  const seen = observed(answer(), home);
  expect(seen.attributes.properties).toEqual({ os_distro: "debian", key: "v" });
  expect(seen.attributes.metadata).toMatchObject({ direct_url: "file:///x", os_distro: "debian" });
  expect(seen.marker).toEqual(marker);
  expect(Object.keys(seen.digests ?? {})).toEqual(["md5", "sha512"]);
});

test("what another project wrote is no mark of ours", () =>
  expect(observed(answer({ owner: "p2" }), home).marker).toBeUndefined());

test("an image of another region has that in its id", () => {
  expect(idAt("i1", home).toString()).toBe("i1");
  const id = idAt("i1", { region: "Two", isHome: false });
  expect(parseId(id)).toEqual({ region: "Two", id: "i1" });
});

test("statuses", () => {
  const of = (more: Partial<Answer>) => observed(answer(more), home).status;
  expect(["active", "deactivated", "queued", "saving", "importing", "killed"].map((status) => of({ status }))).toEqual([
    "ready",
    "ready",
    "pending",
    "pending",
    "pending",
    "failed",
  ]);
  expect(of({ status: "importing", os_glance_failed_import: "fast" })).toBe("failed");
});

test("all changes go in one request, and only changes", () => {
  const have = observed(answer(), home);
  const context = { address: at, marker: () => marker };
  expect(operations(have, wanted({}), [], "shared", context)).toEqual([]);
  const want = wanted({ name: "n", tags: [], properties: { key: "w", "a/b~c": "1" }, min_disk: 3 });
  expect(operations(have, want, ["properties.os_distro"], "shared", context)).toEqual([
    { op: "replace", path: "/name", value: "n" },
    { op: "replace", path: "/min_disk", value: 3 },
    { op: "replace", path: "/tags", value: [] },
    { op: "add", path: "/key", value: "w" },
    { op: "add", path: "/a~1b~0c", value: "1" },
    { op: "remove", path: "/os_distro" },
  ]);
  const cleared = operations(have, wanted({}), ["tags", "name"], "shared", context);
  expect(cleared).toEqual([{ op: "replace", path: "/tags", value: [] }]);
  const other = operations({ ...have, attributes: have.attributes }, wanted({}), [], "shared", {
    address: at,
    marker: () => ({ ...marker, file: "team" }),
  });
  expect(other).toEqual([{ op: "add", path: "/images_file", value: "team" }]);
});

test("properties that are the server's are refused with the reason", () => {
  const keys = [
    ...["direct_url", "self", "file", "schema", "stores", "created_at", "updated_at", "status", "checksum", "size"],
    ...["virtual_size", "id", "os_hash_algo", "os_hash_value", "location", "locations", "deleted", "deleted_at"],
    ...["os_glance_import_task", "owner", "min_disk", "visibility", "images_owner"],
  ];
  for (const key of keys)
    expect([key, complaints({ properties: { [key]: "x" } })]).toEqual([key, [`properties.${key}`]]);
  for (const key of ["os_distro", "os_type", "hw_disk_bus", "my.key"])
    expect([key, complaints({ properties: { [key]: "x" } })]).toEqual([key, []]);
});

test("rules between attributes", () => {
  expect(complaints({ members: ["p"], visibility: "private" })).toEqual(["members"]);
  expect(complaints({ members: ["p", { project: "p" }] })).toEqual(["members"]);
  expect(complaints({ members: [{ project: "p", cloud: "c" }] })).toEqual(["members"]);
  expect(complaints({ members: [{ project: "p", cloud: "c", status: "accepted" }] })).toEqual([]);
  expect(complaints({ disk_format: "ami", container_format: "bare" })).toEqual(["disk_format"]);
  expect(complaints({ web_download: true })).toEqual(["web_download"]);
  expect(complaints({ web_download: true, disk_format: "raw", use_import: true })).toEqual(["use_import"]);
});

test("a pull is wanted only where its bytes can be told from others, or where nobody said what they are", () => {
  const want = wanted({ web_download: true, disk_format: "raw" });
  expect(pulls(want, parseDigest(`sha512:${"0".repeat(128)}`))).toEqual({ verified: true });
  expect(pulls(want, parseDigest(`sha256:${"0".repeat(64)}`))).toBeUndefined();
  expect(pulls(want, undefined)).toMatchObject({ verified: false });
  expect(pulls(wanted({ disk_format: "raw" }), undefined)).toBeUndefined();
});

test("answers lose their markup", () => {
  const glance = JSON.stringify({ message: "No image<br /><br />\n\n\n", code: "404 Not Found", title: "Not Found" });
  expect(messageIn(glance)).toBe("No image");
  expect(messageIn('{"error":{"code":401,"message":"no","title":"x"}}')).toBe("no");
  expect(messageIn("<html><body>x</body></html>")).toBeUndefined();
  expect(messageIn(JSON.stringify({ message: "bad\n\nFailed validating 'enum' in schema[…]" }))).toBe("bad");
});

test("vkcs takes raw and iso, and turns qcow2 into raw", () => {
  const bytes = (written: Readonly<Record<string, unknown>>) => {
    const checked = check(vkcs.image, written);
    return checked.ok ? vkcs.bytes?.(checked.value).formats : checked.faults.map(({ path }) => path.join("."));
  };
  expect(bytes({})).toEqual(["raw", "iso"]);
  expect(bytes({ disk_format: "iso" })).toEqual(["iso"]);
  expect(bytes({ disk_format: "qcow2" })).toEqual(["disk_format"]);
  expect(bytes({ visibility: "public" })).toEqual(["visibility"]);
  expect(bytes({ container_format: "ovf" })).toEqual(["container_format"]);
  const store = vkcs.check?.(wanted({ properties: { store: "s3" } }), {}).map(({ attribute }) => attribute);
  expect(store).toEqual(["properties.store"]);
});
