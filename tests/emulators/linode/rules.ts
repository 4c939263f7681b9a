import { isRecord } from "../kit/answers.ts";
import { invalid, type Reason, Refusal } from "./refusal.ts";

/** The parsed body of a call; refuses what is no JSON object. */
export function fieldsOf(body: unknown): Readonly<Record<string, unknown>> {
  if (!isRecord(body)) throw invalid("Invalid JSON");
  return body;
}

/** All that is wrong with the fields that describe an image; texts as the client-side copy of the rules has them. */
export function metadataFaults(fields: Readonly<Record<string, unknown>>): readonly Reason[] {
  return [
    ...labelFaults(fields["label"]),
    ...descriptionFaults(fields["description"]),
    ...tagFaults(fields["tags"]),
    ...flagFaults(fields["cloud_init"]),
  ];
}

export function refuseFaults(faults: readonly Reason[]): void {
  if (faults.length > 0) throw new Refusal(400, ...faults);
}

/** Tags come back sorted (recorded), once each. */
export function sortedTags(tags: unknown): readonly string[] {
  if (!Array.isArray(tags)) return [];
  return [...new Set(tags.filter((tag) => typeof tag === "string"))].sort();
}

function labelFaults(label: unknown): readonly Reason[] {
  if (label === undefined || label === null) return [];
  if (typeof label !== "string") return [{ reason: "Must be of type String", field: "label" }];
  if (label.length < 1 || label.length > 50) {
    return [{ reason: "Label must be between 1 and 50 characters.", field: "label" }];
  }
  if (/^[a-zA-Z0-9,.?\-_\s']+$/.test(label)) return [];
  return [{ reason: "Image labels cannot contain special characters.", field: "label" }];
}

function descriptionFaults(description: unknown): readonly Reason[] {
  if (description === undefined || description === null) return [];
  if (typeof description !== "string") return [{ reason: "Must be of type String", field: "description" }];
  if (description.length <= 65_000) return [];
  return [{ reason: "Length must be 65000 characters or less.", field: "description" }];
}

function tagFaults(tags: unknown): readonly Reason[] {
  if (tags === undefined || tags === null) return [];
  if (!Array.isArray(tags) || tags.some((tag) => typeof tag !== "string")) {
    return [{ reason: "Must be a list of Strings", field: "tags" }];
  }
  if (tags.length > 500) return [{ reason: "Must have 500 tags or less", field: "tags" }];
  if (tags.every((tag) => tag.length >= 3 && tag.length <= 50)) return [];
  return [{ reason: "Length must be 3-50 characters", field: "tags" }];
}

function flagFaults(flag: unknown): readonly Reason[] {
  if (flag === undefined || flag === null || typeof flag === "boolean") return [];
  return [{ reason: "Must be of type Boolean", field: "cloud_init" }];
}
