import { isTable, type Value } from "images";

// Two spellings of one value, brought to one.

/** Tags as a table, from a table, a list of {key, value}, or one such. */
export function tagsOf(value: Value | undefined): Readonly<Record<string, string>> {
  if (Array.isArray(value)) return Object.fromEntries(value.flatMap((one) => pairIn(one)));
  if (value === undefined || !isTable(value)) return {};
  const pairs = Object.keys(value).sort().join() === "key,value" ? pairIn(value) : Object.entries(value);
  return Object.fromEntries(
    pairs.flatMap(([key, one]): [string, string][] => (typeof one === "string" ? [[key, one]] : [])).sort(),
  );
}

const pairIn = (one: Value): [string, string][] =>
  isTable(one) && typeof one["key"] === "string" ? [[one["key"], String(one["value"] ?? "")]] : [];

export interface LaunchPermissions {
  readonly account_ids: readonly string[];
  readonly global: boolean;
}

export function permissionsOf(value: Value | undefined): LaunchPermissions {
  if (value === undefined || !isTable(value)) return { account_ids: [], global: false };
  const ids = value["account_ids"];
  const texts = Array.isArray(ids) ? ids.flatMap((id) => (typeof id === "string" ? [id] : [])) : [];
  return { account_ids: [...new Set(texts)].sort(), global: value["global"] === true };
}

/** Volumes in any order, by their devices; what one side leaves out is as the other has it, where that is the default or follows from the rest. */
export function isSameMapping(a: Value, b: Value): boolean {
  const [first, second] = [volumesOf(a), volumesOf(b)];
  return first.size === second.size && [...first].every(([device, one]) => isSameVolume(one, second.get(device)));
}

type Table = Readonly<Record<string, Value>>;

const volumesOf = (value: Value): ReadonlyMap<string, Table> =>
  new Map(
    (Array.isArray(value) ? value : []).flatMap((one) => (isTable(one) ? [[String(one["device_name"]), one]] : [])),
  );

function isSameVolume(a: Table, b: Table | undefined): boolean {
  if (b === undefined || (a["virtual_device_name"] ?? "") !== (b["virtual_device_name"] ?? "")) return false;
  const [one, two] = [bsuOf(a), bsuOf(b)];
  const isEither = (name: string) => one[name] === undefined || two[name] === undefined || one[name] === two[name];
  const isIo1 = one["volume_type"] === "io1" || two["volume_type"] === "io1";
  return (
    isEither("snapshot_id") &&
    isEither("volume_size") &&
    (one["volume_type"] ?? "standard") === (two["volume_type"] ?? "standard") &&
    (one["delete_on_vm_deletion"] ?? true) === (two["delete_on_vm_deletion"] ?? true) &&
    // The API shows those of every kind of volume, and takes those of io1.
    (!isIo1 || one["iops"] === two["iops"])
  );
}

const bsuOf = ({ bsu }: Table): Table => (bsu !== undefined && isTable(bsu) ? bsu : {});
