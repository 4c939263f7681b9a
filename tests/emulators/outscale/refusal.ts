/** An error answer: HTTP status and the one entry of `Errors`. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly type: string;
  readonly details: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Thrown by an action to be answered with an error. */
export class Refused extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(`${refusal.status} ${refusal.code} ${refusal.type} ${refusal.details}`);
    this.name = "Refused";
    this.refusal = refusal;
  }
}

const refused = (status: number, code: string, type: string, details = ""): Refused =>
  new Refused({ status, code, type, details });

/**
 * What the API refuses. 5000-5999 is "not found" and comes with HTTP 400, 6000-6999 and 9000-9999 are conflicts and come
 * with HTTP 409. Codes were seen from the real cloud where a comment says so; the others are only of the right range.
 */
export const refusals = {
  /** 5063, 5023, 5054, 5064: seen. */
  unknown: (kind: Kind, id: string) =>
    refused(400, kinds[kind].code, "InvalidResource", `The ${kinds[kind].name} '${id}' doesn't exist.`),
  /** 4104: seen for ids in filters. */
  malformedId: (name: string, id: string) =>
    refused(400, "4104", "InvalidParameterValue", `The value '${id}' of ${name} is malformed.`),
  /** 4014: seen for values that are malformed. */
  badValue: (details: string) => refused(400, "4014", "InvalidParameterValue", details),
  /** 7007: seen. */
  missing: (name: string) => refused(400, "7007", "MissingParameter", `The parameter ${name} is missing.`),
  combination: (details: string) => refused(400, "3002", "InvalidParameterCombination", details),
  unknownParameter: (name: string) => refused(400, "3001", "InvalidParameter", `The parameter ${name} is unknown.`),
  badType: (details: string) => refused(400, "4110", "InvalidParameterValue", details),
  /** 6007: seen. */
  volumeNotSettled: (id: string, state: string) =>
    refused(409, "6007", "InvalidVolumeState", `The volume '${id}' is ${state}.`),
  notSettled: (type: string, id: string, state: string) => refused(409, "6004", type, `'${id}' is ${state}.`),
  /** 9085 with empty details: seen for a security group that is in use. */
  inUse: () => refused(409, "9085", "ResourceConflict"),
  /** 9039: seen by the authors of a client. */
  vmPending: (id: string) => refused(409, "9039", "ResourceConflict", `The VM '${id}' is pending.`),
  /** With empty details, as conflicts are seen. */
  nameTaken: () => refused(409, "9029", "ResourceConflict"),
  notYours: (id: string) => refused(403, "4120", "AccessDenied", `'${id}' belongs to another account.`),
  /** 1 with HTTP 401: of the list that clients take for failed authentication. */
  unauthorized: (details: string) => refused(401, "1", "AccessDenied", details),
  tooMany: (details: string) => refused(400, "10042", "TooManyResources", details),
  internal: (details: string) => refused(500, "2000", "InternalError", details),
  unknownAction: (action: string) => refused(404, "", "InvalidAction", `The action ${action} is unknown.`),
  /** With either status, as seen by clients that retry both. */
  throttled: (status: 429 | 503, retryAfter?: number) =>
    new Refused({
      status,
      code: "",
      type: "RequestLimitExceeded",
      details: "",
      ...(retryAfter === undefined ? {} : { headers: { "Retry-After": String(retryAfter) } }),
    }),
} as const;

export type Kind = keyof typeof kinds;

const kinds = {
  image: { code: "5023", name: "ImageId", prefix: "ami-", type: "image" },
  snapshot: { code: "5054", name: "SnapshotId", prefix: "snap-", type: "snapshot" },
  vm: { code: "5063", name: "VmId", prefix: "i-", type: "instance" },
  volume: { code: "5064", name: "VolumeId", prefix: "vol-", type: "volume" },
  imageExport: { code: "5070", name: "TaskId", prefix: "image-export-", type: "task" },
  snapshotExport: { code: "5070", name: "TaskId", prefix: "snap-export-", type: "task" },
} as const;

export const prefixOf = (kind: Kind): string => kinds[kind].prefix;
/** What ReadTags calls it. */
export const resourceTypeOf = (kind: Kind): string => kinds[kind].type;

/** The kind that an id says it is of; undefined when it is none of ours. */
export function kindOf(id: string): Kind | undefined {
  return allKinds.find((kind) => isId(kind, id));
}

export function isId(kind: Kind, id: string): boolean {
  const prefix = prefixOf(kind);
  return id.startsWith(prefix) && /^[0-9a-f]{8}$/.test(id.slice(prefix.length));
}

/** @throws Refused 4104 when an id is not of the form of its kind */
export function wellFormed(kind: Kind, ids: readonly string[], name: string): void {
  for (const id of ids) if (!isId(kind, id)) throw refusals.malformedId(name, id);
}

const allKinds: readonly Kind[] = ["image", "snapshot", "vm", "volume", "imageExport", "snapshotExport"];
