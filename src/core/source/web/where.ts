import type { SourceSpec } from "../../model/source.ts";
import { canonical } from "../../model/value.ts";
import { isBareSecret, isSecretParameter, isSecretValue } from "../../net/secret-query.ts";

export const isUrl = (where: string): boolean => /^https?:\/\//i.test(where);

const isSecret = (name: string, value: string): boolean => isSecretParameter(name) || isSecretValue(name, value);

/** Shorter values that only look secret are not taken out of other text: they may be a word of it. */
const TELLING = 12;

/** Whether the shown form of a URL leaves out a value that may choose the bytes. */
export const hidesValue = (url: string): boolean =>
  [...new URL(url).searchParams].some(([name, value]) =>
    value === "" ? isBareSecret(name, value) : isSecret(name, value),
  );

/** A URL as it may be shown and kept: without user, password and fragment, and with the values of secret parameters taken out. */
export function publicUrl(text: string): string {
  if (!isUrl(text) || !URL.canParse(text)) return text;
  const url = new URL(text);
  const shown = [...url.searchParams].filter(([name, value]) => !isBareSecret(name, value));
  const query = shown.map(([name, value]) =>
    isSecret(name, value) ? encodeURIComponent(name) : `${encodeURIComponent(name)}=${encodeURIComponent(value)}`,
  );
  return `${url.origin}${url.pathname}${query.length > 0 ? `?${query.join("&")}` : ""}`;
}

const isTelling = (name: string, value: string): boolean => value.length >= TELLING && isSecretValue(name, value);

/** The secret parts of a URL: for redaction. */
export function secretsIn(text: string): readonly string[] {
  if (!URL.canParse(text)) return [];
  const url = new URL(text);
  const query = [...url.searchParams].flatMap(([name, value]) =>
    isBareSecret(name, value) ? [name] : isSecretParameter(name) || isTelling(name, value) ? [value] : [],
  );
  return [url.password, decoded(url.password), ...query].filter((secret) => secret.length >= 4);
}

/** The path of a URL or file in plain characters: `/pub/debian 12.qcow2`. */
export const pathOf = (where: string): string => (isUrl(where) ? decoded(new URL(where).pathname) : where);

/** The name that the bytes have where they come from; never empty, never with a slash. */
export function fileNameOf(where: string): string {
  const name = pathOf(where)
    .split("/")
    .findLast((part) => part !== "");
  return name ?? (isUrl(where) ? new URL(where).hostname : "image");
}

/** Other names that a URL may mean: values of its query, and directories that are files elsewhere (`…/x.img/download`). */
export function partsOf(where: string): readonly string[] {
  const url = new URL(where);
  const values = [...url.searchParams].flatMap(([name, value]) => (isSecretParameter(name) ? [] : [value]));
  return [...values, ...pathOf(where).split("/").reverse()].filter((part) => part !== "");
}

/** All places of a declared source, in the order in which they are tried. */
export function placesOf(spec: SourceSpec): readonly string[] {
  switch (spec.kind) {
    case "file":
      return [spec.path];
    case "url":
      return spec.urls;
    case "image":
      return [spec.address];
    case "promoted":
      return [`${spec.address} of ${publicUrl(spec.state)}`];
    default:
      throw new Error(`unknown source ${spec satisfies never}`);
  }
}

/** What besides the bytes of the source decides the bytes of the image, as comparable text. */
export function transformOf(spec: SourceSpec, metadata?: string): string | undefined {
  const { member, decompress } = spec;
  return member === undefined && decompress === undefined && metadata === undefined
    ? undefined
    : canonical({ member, decompress, metadata });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
