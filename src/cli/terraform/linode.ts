import { type KnownValue, type Mapped, picked, text } from "./values.ts";

/** `linode_image`. `regions_to_replicate` is what versions before 2.27 called `replica_regions`. */
export function linode(attributes: KnownValue): Mapped {
  const names = [
    ...["label", "description", "tags", "cloud_init", "linode_id", "disk_id", "file_path", "file_hash", "region"],
    ...["regions_to_replicate", "replica_regions", "wait_for_replications", "timeouts"],
  ];
  const values = picked(attributes, names, {
    regions_to_replicate: "replica_regions",
    wait_for_replications: "wait",
  });
  // The provider computes a hash also where there is no file that it could be of.
  if (values["file_path"] === undefined) delete values["file_hash"];
  if (values["wait"] === false) delete values["wait"];
  return { id: text(attributes["id"]), attributes: values, always: ["label"] };
}
