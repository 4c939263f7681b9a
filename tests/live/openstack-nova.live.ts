import { afterAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { appendFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { TestDirectory } from "../harness.ts";
import { facts, type Project } from "./glance.ts";
import { at, bytes, env, FILE, mine } from "./openstack-kit.ts";

// Step by step with the program itself: Nova makes a snapshot of a server, Cinder an image of a volume, and both copy the properties of the
// base image, the marker among them. The state is lost, and the image gets new bytes. IMAGES_TRANSCRIPT names a file that gets what is typed
// and printed.

setDefaultTimeout(600_000);
beforeEach(() => mine.empty());
afterAll(() => mine.empty());

const binary = process.env["IMAGES_BINARY"];
const command = binary === undefined ? [process.execPath, join(import.meta.dir, "../../src/cli/main.ts")] : [binary];
const transcript = process.env["IMAGES_TRANSCRIPT"];

async function tell(text: string): Promise<void> {
  if (transcript !== undefined) await appendFile(transcript, `${text}\n`);
}

async function type(place: TestDirectory, ...args: readonly string[]): Promise<number> {
  const ran = Bun.spawn([...command, ...args], {
    cwd: place.path,
    env: { ...process.env, ...env, HOME: place.path, IMAGES_CACHE: place.at("cache"), NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, err] = await Promise.all([new Response(ran.stdout).text(), new Response(ran.stderr).text()]);
  const code = await ran.exited;
  await tell(`$ images ${args.join(" ")}\n${(out + err).trim().replaceAll(place.path, "/srv")}\n$ echo $?\n${code}\n`);
  return code;
}

type Image = Readonly<Record<string, unknown>>;

/** Whatever the image has of its own that can be given to another. */
const inherited = (image: Image): Image => {
  const own = new Set([
    ...[
      "id",
      "self",
      "file",
      "schema",
      "created_at",
      "updated_at",
      "status",
      "checksum",
      "size",
      "virtual_size",
      "owner",
    ],
    ...["os_hash_algo", "os_hash_value", "name", "tags", "protected", "os_hidden", "stores", "visibility", "locations"],
  ]);
  return Object.fromEntries(Object.entries(image).filter(([key]) => !own.has(key)));
};

/** An image with bytes of its own, made by requests as Nova or Cinder sends them. */
async function upload(project: Project, fields: Image, data: Uint8Array): Promise<Image> {
  const made: Image = JSON.parse(await (await project.call("POST", "images", fields)).text());
  const sent = await fetch(`${facts.glance.RegionOne}/v2/images/${made["id"]}/file`, {
    method: "PUT",
    headers: { "x-auth-token": project.token, "content-type": "application/octet-stream" },
    body: data,
  });
  expect(sent.status).toBe(204);
  return JSON.parse(await (await project.call("GET", `images/${made["id"]}`)).text());
}

const now = async (id: unknown): Promise<Image> => JSON.parse(await (await mine.call("GET", `images/${id}`)).text());
const digestOf = async (id: unknown) => {
  const headers = { "x-auth-token": mine.token };
  const answer = await fetch(`${facts.glance.RegionOne}/v2/images/${id}/file`, { headers });
  return createHash("sha512")
    .update(await answer.bytes())
    .digest("hex");
};

test.each([
  ["a lost state", ["images.state.json", "images.state.json.backup", ".images"]],
  ["a lost state whose journal is still there", ["images.state.json", "images.state.json.backup"]],
] as const)("snapshots of Nova and images of Cinder outlive %s, new bytes and destroy", async (what, lost) => {
  await tell(`## ${what}\n`);
  await using place = await at(FILE);
  expect(await type(place, "apply", "--yes")).toBe(0);
  const [base = {}] = await mine.images();
  await tell(`(the image in Glance)\n${JSON.stringify(base, null, 1)}\n`);
  const copied = inherited(base);
  const snapshot = await upload(
    mine,
    {
      ...copied,
      name: "backup of web-1",
      image_type: "snapshot",
      instance_uuid: crypto.randomUUID(),
      base_image_ref: base["id"],
      user_id: "u1",
      image_state: "available",
      image_location: "snapshot",
      owner_project_name: "other",
      boot_roles: "member,reader",
    },
    bytes.subarray(0, 1 << 20),
  );
  // Of a shelved server, with the very name of the image that it was made of.
  const shelved = await upload(
    mine,
    { ...copied, name: "big", image_type: "snapshot", base_image_ref: base["id"] },
    bytes,
  );
  const volume = await upload(
    mine,
    { ...copied, name: "big", signature_verified: "False", "owner_specified.openstack.object": "images/big" },
    bytes.subarray(5),
  );
  const theirs = [snapshot, shelved, volume];
  const digests = await Promise.all(theirs.map(({ id }) => digestOf(id)));
  const untouched = async () => {
    for (const [i, image] of theirs.entries()) {
      expect(await now(image["id"])).toEqual({ ...image });
      expect(await digestOf(image["id"])).toBe(digests[i] ?? "");
    }
  };
  await tell(
    `(what Nova and Cinder made of it: ${theirs.map(({ id, name }) => `${id} ${name}`).join(", ")})\n${JSON.stringify(snapshot, null, 1)}\n`,
  );
  await tell(`$ rm -r ${lost.join(" ")}\n`);
  for (const name of lost) await rm(place.at(name), { recursive: true, force: true });
  await tell("$ cp next.img disk.img\n");
  await place.write(
    "disk.img",
    bytes.map((byte) => byte ^ 3),
  );
  // No record: nothing is replaced, and the image is named with the way to take it.
  expect(await type(place, "plan")).toBe(1);
  expect(await type(place, "apply", "--yes")).toBe(1);
  await untouched();
  expect(await now(base["id"])).toEqual(base);
  expect(await type(place, "apply", "--adopt", "--yes")).toBe(0);
  await untouched();
  expect(await type(place, "apply", "--yes")).toBe(0);
  await untouched();
  expect(await type(place, "plan", "--detailed-exitcode")).toBe(0);
  const ids = new Set((await mine.images()).map(({ id }) => id));
  expect([ids.size, ids.has(String(base["id"]))]).toEqual([4, false]);
  expect(await type(place, "info", "x")).toBe(0);
  expect(await type(place, "apply", "--yes", "--replace", "x/big")).toBe(0);
  await untouched();
  expect(await type(place, "destroy", "--yes")).toBe(0);
  await untouched();
  expect((await mine.images()).length).toBe(3);
  // Without any image of its own, and without a state, a copy is not adopted either.
  for (const name of lost) await rm(place.at(name), { recursive: true, force: true });
  expect(await type(place, "apply", "--adopt", "--yes")).toBe(0);
  await untouched();
  expect((await mine.images()).length).toBe(4);
  expect(await type(place, "destroy", "--yes")).toBe(0);
  await untouched();
});
