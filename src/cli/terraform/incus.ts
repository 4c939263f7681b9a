import type { Attributes, Value } from "../../core/model/value.ts";
import { block, isKnown, type KnownValue, list, type Mapped, said, text } from "./values.ts";

/**
 * `incus_image` of lxc/terraform-provider-incus. Its `copy_aliases` is false where nothing is said, ours is true; both `aliases` (a list,
 * up to version 0.3) and blocks of `alias` are read.
 */
export function incus(attributes: KnownValue): Mapped {
  const fingerprint = text(attributes["fingerprint"]);
  const project = text(attributes["project"]);
  const remote = text(attributes["remote"]);
  const file = block(attributes["source_file"]);
  const aliases = aliasesOf(attributes);
  const values: Attributes = {
    ...(isSplitOnTheWeb(file) ? {} : fileOf(file)),
    ...table("source_image", imageOf(block(attributes["source_image"]))),
    ...table("source_instance", said(block(attributes["source_instance"]))),
    ...(aliases.length === 0 ? {} : { aliases }),
    ...(project === undefined ? {} : { project }),
  };
  return {
    id: fingerprint === undefined ? undefined : `${project === undefined ? "" : `${project}/`}${fingerprint}`,
    ...(remote === undefined ? {} : { place: { remote } }),
    attributes: values,
    ...(isSplitOnTheWeb(file) ? { notes: ["a split image from URLs cannot be imported"] } : {}),
  };
}

const isWeb = (path: string | undefined): boolean => path !== undefined && /^https?:\/\//i.test(path);
const isSplitOnTheWeb = (file: KnownValue | undefined): boolean =>
  isWeb(text(file?.["data_path"])) && text(file?.["metadata_path"]) !== undefined;

const table = (name: string, value: Value | undefined): Attributes => (value === undefined ? {} : { [name]: value });

function fileOf(file: KnownValue | undefined): Attributes {
  const data = text(file?.["data_path"]);
  const metadata = text(file?.["metadata_path"]);
  if (data === undefined) return {};
  const place = isWeb(data) ? { url: data } : { file: data };
  return { source: metadata === undefined ? place : { ...place, metadata } };
}

function imageOf(source: KnownValue | undefined): Value | undefined {
  if (source === undefined) return undefined;
  const { remote, name, type, architecture, copy_aliases } = source;
  return said({
    remote,
    name,
    type: type === "container" ? null : type,
    architecture,
    copy_aliases: copy_aliases === true ? null : false,
  });
}

/** Plain names where they have no description. */
function aliasesOf(attributes: KnownValue): Value[] {
  const blocks = list(attributes["alias"]).flatMap((one): Value[] => {
    const name = isKnown(one) ? text(one["name"]) : undefined;
    const description = isKnown(one) ? text(one["description"]) : undefined;
    return name === undefined ? [] : [description === undefined ? name : { name, description }];
  });
  return [...list(attributes["aliases"]).flatMap((name) => text(name) ?? []), ...blocks];
}
