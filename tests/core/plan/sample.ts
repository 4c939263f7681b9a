import type { Resource } from "../../../src/core/model/declaration.ts";
import { address, backendName, type ImageId, imageId, imageName } from "../../../src/core/model/name.ts";
import type { Recorded } from "../../../src/core/model/state.ts";
import {
  boolean,
  computed,
  integer,
  mapOf,
  optional,
  required,
  setOf,
  string,
  withDefault,
} from "../../../src/core/model/types.ts";
import type { Attributes } from "../../../src/core/model/value.ts";
import type { DecisionInput, DesiredImage, LiveImage } from "../../../src/core/plan/input.ts";
import { ownershipOf } from "../../../src/core/plan/ownership.ts";

export const schema = {
  label: required(string(), "A name."),
  size: withDefault(integer(), 1, "A size.", { onChange: "replace" }),
  tags: optional(setOf(string()), "Tags.", { unset: [] }),
  properties: optional(mapOf(string()), "Words."),
  exact: optional(mapOf(string(), { keys: "exact" }), "All words."),
  public: optional(boolean(), "For all.", { unset: false }),
  owner: optional(string(), "Fixed.", { onChange: "refuse" }),
  disk: optional(string(), "Made from.", { onChange: "replace", compare: "recorded" }),
  wait: optional(boolean(), "Wait for it.", { compare: "never" }),
  created: computed(string(), "When."),
};

export const at = address(backendName("lab"), imageName("debian"));
export const id: ImageId = imageId("i-1");
const place = { file: "images.toml", line: 1, column: 1 };

export const resource = (want: Attributes, more: Partial<Resource["lifecycle"]> = {}): Resource => ({
  address: at,
  backend: backendName("lab"),
  image: imageName("debian"),
  want,
  written: Object.keys(want),
  source: { kind: "file", path: "/x", follow: true, at: place },
  lifecycle: { protect: false, onRemove: "delete", ignoreChanges: [], existing: false, ...more },
  state: "present",
  adopt: false,
  at: place,
  places: {},
});

export const want = (
  attributes: Attributes,
  more: Partial<DesiredImage> = {},
  lifecycle: Partial<Resource["lifecycle"]> = {},
): DesiredImage => ({
  resource: resource(attributes, lifecycle),
  schema,
  content: { where: "/x", size: 10 },
  hasOrigin: true,
  originFailure: undefined,
  transfer: { how: "upload", bytes: 10 },
  complaints: [],
  marker: { file: "images", owner: at, content: "none", lineage: "L1" },
  sentAsIs: false,
  order: () => "create-first",
  importId: undefined,
  ...more,
});

export const image = (attributes: Attributes, more: Partial<LiveImage> = {}): LiveImage => ({
  id,
  attributes,
  marker: { file: "images", owner: at, content: "none", lineage: "L1", self: more.id ?? id },
  ...more,
});

/** An image that bears no marker. */
export const unmarked = (from: LiveImage): LiveImage => {
  const { marker: _, ...rest } = from;
  return rest;
};

export const ready = (
  wanted: Attributes,
  more: Partial<Recorded & { status: "ready" }> = {},
): Recorded & { status: "ready" } => ({
  status: "ready",
  id,
  backend: backendName("lab"),
  plugin: "sample",
  want: wanted,
  have: wanted,
  content: { where: "/x", size: 10 },
  protect: false,
  onRemove: "delete",
  ...more,
});

/** Whose `have` is, is asked as a plan asks it. */
export const sight = (more: Partial<DecisionInput>): DecisionInput => ({
  address: at,
  mode: "normal",
  known: undefined,
  want: undefined,
  absent: false,
  have: undefined,
  leftovers: [],
  rival: undefined,
  namesake: undefined,
  after: [],
  replace: false,
  adopt: false,
  ownership:
    more.have === undefined
      ? "foreign"
      : ownershipOf(more.have, { address: at, known: more.known, file: "images", lineage: "L1", marks: true }),
  ambiguous: [],
  incomplete: undefined,
  kept: [],
  ...more,
});
