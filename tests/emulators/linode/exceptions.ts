import { type Exception, isRecord, propertiesOf, type Schema } from "../kit/answers.ts";

/** Where the real server is known to answer otherwise than the description of 2024 with its delta of 2026 says. */
export const exceptions: readonly Exception[] = [
  nullable("Image.regions", "public images are listed with `regions: null` (recorded 2026)", isImage, "regions"),
  nullable("Image.updated", "null for images never changed: automatic, shared (recorded)", isImage, "updated"),
  nullable("Image.created_by", "null for automatic and shared images (recorded)", isImage, "created_by"),
  {
    about: "Image.total_size",
    reason: "public images are listed without it (recorded 2026)",
    fits: (schema) => isImage(schema) && isRequired(schema, "total_size"),
    amend: (schema) => unrequire(schema, "total_size"),
  },
  {
    about: "Image.description",
    reason: "an image made without one has the empty text (recorded), though the description asks for one character",
    fits: (schema) => isImage(schema) && propertiesOf(schema)?.["description"]?.["minLength"] === 1,
    amend: (schema) => {
      delete propertiesOf(schema)?.["description"]?.["minLength"];
    },
  },
  {
    about: "Image.regions.status",
    reason: "`timedout` is not in the description; the provider's own web client and @linode/api-v4 know it",
    fits: (schema) => has(schema, "region", "status") && !valuesOf(schema, "status").includes("timedout"),
    amend: (schema) => addValues(schema, "status", "timedout"),
  },
  {
    about: "Region.site_type",
    reason: "the description spells it `site-type`; the server answers `site_type` (recorded)",
    fits: (schema) => has(schema, "site-type"),
    amend: (schema) => {
      const properties = schema["properties"];
      if (!isRecord(properties)) return;
      properties["site_type"] = properties["site-type"];
      delete properties["site-type"];
    },
  },
  {
    about: "Region.placement_group_limits.maximum_linodes_per_flexible_pg",
    reason: "newer than the description (recorded 2026)",
    fits: (schema) => has(schema, "maximum_linodes_per_pg") && !has(schema, "maximum_linodes_per_flexible_pg"),
    amend: (schema) => addProperty(schema, "maximum_linodes_per_flexible_pg", { type: "integer" }),
  },
  {
    about: "Disk.filesystem",
    reason: "`ext2` is a file system of the API, left out of the description",
    fits: (schema) => isDisk(schema) && !valuesOf(schema, "filesystem").includes("ext2"),
    amend: (schema) => addValues(schema, "filesystem", "ext2"),
  },
  {
    about: "Disk.disk_encryption",
    reason: "newer than the description (recorded 2026)",
    fits: (schema) => isDisk(schema) && !has(schema, "disk_encryption"),
    amend: (schema) => addProperty(schema, "disk_encryption", { type: "string", enum: ["enabled", "disabled"] }),
  },
  nullable(
    "Event.percent_complete",
    "null for notifications (recorded, and the prose says so)",
    isEvent,
    "percent_complete",
  ),
  nullable("Event.rate", "null (recorded)", isEvent, "rate"),
  nullable("Event.duration", "null while it goes on (recorded)", isEvent, "duration"),
  nullable("Event.secondary_entity", "null where there is none (recorded)", isEvent, "secondary_entity"),
  {
    about: "Event.secondary_entity.id",
    reason: "a number, like the id of the first entity (recorded); the description says a text",
    fits: (schema) => has(schema, "id", "label", "type", "url") && typeOf(schema, "id") === "string",
    amend: (schema) => {
      const id = propertiesOf(schema)?.["id"];
      if (id !== undefined) id["type"] = ["string", "integer"];
    },
  },
  {
    about: "Event.details",
    reason: "newer than the description (recorded 2026)",
    fits: (schema) => isEvent(schema) && !has(schema, "details"),
    amend: (schema) => addProperty(schema, "details", { type: "object" }),
  },
];

/** `format: date-time` means RFC 3339 with a zone; the server writes UTC without one (recorded). */
export const formats = { "date-time": /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/ } as const;

function isImage(schema: Schema): boolean {
  return has(schema, "image_sharing", "total_size") && Array.isArray(schema["required"]);
}

function isDisk(schema: Schema): boolean {
  return has(schema, "filesystem", "size", "status");
}

function isEvent(schema: Schema): boolean {
  return has(schema, "percent_complete", "secondary_entity");
}

function nullable(about: string, reason: string, fits: (schema: Schema) => boolean, property: string): Exception {
  return {
    about,
    reason,
    fits: (schema) => fits(schema) && propertiesOf(schema)?.[property]?.["nullable"] !== true,
    amend: (schema) => {
      const one = propertiesOf(schema)?.[property];
      if (one !== undefined) one["nullable"] = true;
    },
  };
}

function has(schema: Schema, ...names: readonly string[]): boolean {
  const properties = propertiesOf(schema);
  return properties !== undefined && names.every((name) => name in properties);
}

function typeOf(schema: Schema, property: string): unknown {
  return propertiesOf(schema)?.[property]?.["type"];
}

function valuesOf(schema: Schema, property: string): readonly unknown[] {
  const values = propertiesOf(schema)?.[property]?.["enum"];
  return Array.isArray(values) ? values : [];
}

function addValues(schema: Schema, property: string, value: string): void {
  const one = propertiesOf(schema)?.[property];
  if (one !== undefined) one["enum"] = [...valuesOf(schema, property), value];
}

function addProperty(schema: Schema, name: string, definition: Schema): void {
  if (isRecord(schema["properties"])) schema["properties"][name] = definition;
}

function isRequired(schema: Schema, name: string): boolean {
  return Array.isArray(schema["required"]) && schema["required"].includes(name);
}

function unrequire(schema: Schema, name: string): void {
  if (Array.isArray(schema["required"])) schema["required"] = schema["required"].filter((one) => one !== name);
}
