import { digest } from "../../../src/core/model/digest.ts";
import { type Address, imageId, parseAddress } from "../../../src/core/model/name.ts";
import type { Change, Plan, Step } from "../../../src/core/model/plan.ts";
import type { Value } from "../../../src/core/model/value.ts";
import { costOf } from "../../../src/core/plan/cost.ts";

/** Text as a server of bad intent would send it: colours, a title, a cursor, turned text, a false line of ours, HTML, Markdown. */
export const HOSTILE =
  "ok\u001b[31m\u001b]0;title\u0007\u009b2J\r\nPlan: 9 to add\u202Egnp.exe\u200b `tick` ```\n|cell| <b>&amp;</b> [x](http://e) \u{e0041}";

export function at(text: string): Address {
  const found = parseAddress(text);
  if (found === undefined) throw new Error(`not an address: ${text}`);
  return found;
}

export const add = (name: string, value: Value): Change => ({
  kind: "add",
  name,
  after: { kind: "value", value },
  forces: "update",
});
export const edit = (name: string, before: Value, after: Value, forces: Change["forces"] = "update"): Change => ({
  kind: "edit",
  name,
  before: { kind: "value", value: before },
  after: { kind: "value", value: after },
  forces,
});
export const remove = (name: string, before: Value): Change => ({
  kind: "remove",
  name,
  before: { kind: "value", value: before },
  forces: "update",
});

const OLD = digest("sha256", "1a2b3c4d5e6f".padEnd(64, "0"));
const NEW = digest("sha256", "8c1f4e00aa11".padEnd(64, "9"));
const URL_OF_DEBIAN = "https://cloud.example.org/images/bookworm/latest/debian-12-genericcloud-amd64.qcow2";
const MIB = 1024 ** 2;

export const STEPS: readonly Step[] = [
  {
    action: "create",
    address: at("lab/debian"),
    because: "declared",
    changes: [
      add("aliases", ["debian/12", "debian/bookworm"]),
      add("properties", { os: "debian", release: "bookworm", "requirements.secureboot": "false" }),
      { kind: "add", name: "token", after: { kind: "sensitive" }, forces: "update" },
      { kind: "add", name: "fingerprint", after: { kind: "later" }, forces: "update" },
    ],
    making: {
      content: { where: URL_OF_DEBIAN, digest: NEW, size: 412 * MIB },
      transfer: { how: "upload", bytes: 412 * MIB },
    },
  },
  {
    action: "create",
    address: at("lab/alpine"),
    because: "vanished",
    changes: [add("aliases", ["alpine-edge"])],
    making: {
      content: { where: "images:alpine/edge", resolved: "fingerprint ab12cd34" },
      transfer: { how: "pull", bytes: 3 * MIB, unverified: "the server pulls it over plain http" },
    },
  },
  {
    action: "create",
    address: at("ru/snapshot"),
    because: "unfinished",
    changes: [],
    making: { transfer: { how: "none" } },
    after: [at("lab/debian")],
    leftovers: [imageId("5b3e0c1a-0000-4000-8000-00000000dead")],
    deletes: [{ id: imageId("5b3e0c1a-0000-4000-8000-00000000dead"), why: "leftover" }],
  },
  { action: "adopt", address: at("lab/found"), id: imageId("ab12"), changes: [], because: "mark" },
  {
    action: "adopt",
    address: at("ru/imported"),
    id: imageId("5b3e0c1a-1111-4111-8111-0123456789ab"),
    changes: [edit("min_disk_gb", 2, 4)],
    because: "import",
  },
  {
    action: "update",
    address: at("ru/debian"),
    id: imageId("5b3e0c1a-2222-4222-8222-0123456789ab"),
    changes: [
      edit("min_disk_gb", 2, 4),
      edit("tags", ["a", "bookworm", "team-infrastructure", "nightly-build"], ["a", "bookworm", "weekly-build"]),
      edit(
        "properties",
        {
          os_distro: "debian",
          os_version: "12",
          hw_scsi_model: "virtio-scsi",
          hw_disk_bus: "scsi",
          hw_qemu_guest_agent: "no",
        },
        {
          os_distro: "debian",
          os_version: "12.5",
          hw_scsi_model: "virtio-scsi",
          hw_disk_bus: "scsi",
          img_signature: "none",
        },
      ),
      remove("visibility", "public"),
      {
        kind: "edit",
        name: "password",
        before: { kind: "sensitive" },
        after: { kind: "sensitive" },
        forces: "update",
      },
    ],
  },
  {
    action: "replace",
    address: at("lin/debian"),
    id: imageId("private/23872341"),
    deletes: [{ id: imageId("private/23872341"), why: "replaced" }],
    changes: [edit("region", "us-southeast", "eu-west", "replace"), edit("content", OLD, NEW, "replace")],
    because: ["region", "content"],
    order: "create-first",
    making: {
      content: { where: URL_OF_DEBIAN, digest: NEW, size: 412 * MIB },
      transfer: { how: "upload", bytes: 300 * MIB },
    },
  },
  {
    action: "verify",
    address: at("lin/pinned"),
    id: imageId("private/23872342"),
    verifies: {
      content: { where: URL_OF_DEBIAN, digest: NEW, signed: "0".repeat(64) },
      why: "its declared sha256 was never compared with its bytes",
      how: "download",
      bytes: 412 * MIB,
    },
  },
  {
    action: "replace",
    address: at("lin/moved"),
    id: imageId("private/23872343"),
    deletes: [{ id: imageId("private/23872343"), why: "replaced" }],
    changes: [edit("content", 'etag "a"', 'etag "b"', "replace")],
    because: ["content"],
    order: "create-first",
    unlessSame: true,
    carries: [add("tags", ["gold"]), add("description", "of the team")],
    loses: ["share group 42 (ours)"],
    making: {
      content: { where: URL_OF_DEBIAN, digests: { sha256: NEW }, size: 412 * MIB },
      transfer: { how: "upload", bytes: 412 * MIB },
    },
  },
  {
    action: "replace",
    address: at("ru/rolling"),
    id: imageId("5b3e0c1a-3333-4333-8333-0123456789ab"),
    deletes: [
      { id: imageId("5b3e0c1a-3333-4333-8333-0123456789ab"), why: "replaced" },
      { id: imageId("5b3e0c1a-2222-4222-8222-0123456789ab"), why: "superseded" },
    ],
    changes: [edit("content", 'etag "abc-1"', 'etag "def-2"', "replace")],
    because: ["content"],
    order: "delete-first",
    making: {
      content: { where: "https://mirror.example.net/rolling.img", validators: { etag: '"def-2"' } },
      transfer: { how: "upload" },
    },
  },
  {
    action: "delete",
    address: at("out/old"),
    id: imageId("ami-5d4a0000"),
    because: "undeclared",
    deletes: [{ id: imageId("ami-5d4a0000"), why: "removed", owns: ["snap-0a1b2c3d"] }],
  },
  { action: "retire", address: at("ru/legacy"), id: imageId("5b3e0c1a-4444"), how: "hide", because: "absent" },
  { action: "forget", address: at("lab/gone"), because: "vanished" },
  {
    action: "block",
    address: at("lab/taken"),
    because: "foreign",
    text: "alpine/3.20 (9f8e7d) is there already and is not ours",
    hint: "`--adopt` adopts it anyway",
  },
  { action: "keep", address: at("lab/renamed"), previous: at("lab/former"), id: imageId("77aa") },
  { action: "keep", address: at("lab/same"), id: imageId("88bb") },
  { action: "keep", address: at("ru/same"), id: imageId("99cc") },
];

export function planOf(steps: readonly Step[], more: Partial<Plan> = {}): Plan {
  return {
    version: 1,
    mode: "normal",
    made: "2026-01-02T03:04:05.000Z",
    basis: { lineage: "11111111-2222-4333-8444-555555555555", serial: 7, config: "f".repeat(64) },
    steps,
    drift: [],
    cost: costOf(steps),
    observed: {},
    outages: [],
    warnings: [],
    ...more,
  };
}

/** Everything that a plan can hold. */
export const FULL: Plan = planOf(STEPS, {
  drift: [
    {
      kind: "changed",
      address: at("ru/debian"),
      id: imageId("5b3e0c1a-2222"),
      changes: [edit("visibility", "private", "public")],
    },
    { kind: "vanished", address: at("lab/gone"), id: imageId("66ff") },
  ],
  outages: [
    {
      backend: "lin",
      code: "backend.auth",
      message: "the token is not accepted",
      hint: "set LINODE_TOKEN to a token that may read images",
      addresses: [at("lin/a"), at("lin/b")],
    },
  ],
  warnings: ["ru/debian: its source cannot be read: connection refused"],
  observed: {
    [at("ru/debian")]: {
      id: imageId("5b3e0c1a-2222-4222-8222-0123456789ab"),
      have: { min_disk_gb: 2, name: "debian", visibility: "public" },
      want: { min_disk_gb: 4, name: "debian" },
    },
    [at("lab/debian")]: {
      want: { aliases: ["debian/12"] },
      content: { where: URL_OF_DEBIAN, digest: NEW, size: 412 * MIB },
    },
  },
});

/** Hostile text wherever a server has a say. */
export const EVIL: Plan = planOf(
  [
    {
      action: "update",
      address: at("lab/evil"),
      id: imageId(HOSTILE),
      changes: [
        edit("name", HOSTILE, "good"),
        edit("properties", { [HOSTILE]: HOSTILE }, { a: "b" }),
        remove(HOSTILE, [HOSTILE]),
      ],
    },
    {
      action: "create",
      address: at("lab/made"),
      because: "declared",
      changes: [],
      making: {
        content: { where: `https://e/${HOSTILE}`, resolved: HOSTILE, transform: HOSTILE },
        transfer: { how: "pull", unverified: HOSTILE },
      },
    },
    { action: "block", address: at("lab/no"), because: "refused", text: HOSTILE, hint: HOSTILE },
  ],
  {
    drift: [{ kind: "vanished", address: at("lab/x"), id: imageId(HOSTILE) }],
    outages: [{ backend: "b", code: "backend.auth", message: HOSTILE, hint: HOSTILE, addresses: [] }],
    warnings: [HOSTILE],
  },
);
