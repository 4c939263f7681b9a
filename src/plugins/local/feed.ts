import { markup } from "images";
import type { StoreEntry } from "./record.ts";
import { fileName, type ProductVersions } from "./streams.ts";

/** Versions that the feed has; readers ask for it often. */
const MOST = 100;

/** An Atom feed of the newest versions. `store` is the store's own id; `url` ends with a slash, without it links are relative. */
export function storeFeed(shelves: readonly ProductVersions[], store: string, url = ""): string {
  const all = shelves
    .flatMap(({ current, older }) => [current, ...older].map((entry) => ({ entry, current })))
    .sort((a, b) => (a.entry.created < b.entry.created ? 1 : -1))
    .slice(0, MOST);
  const updated = all[0]?.entry.created ?? new Date(0).toISOString();
  return markup`<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom">
<id>urn:uuid:${store}</id>
<title>Machine images</title>
<updated>${rfc3339(updated)}</updated>
<author><name>images</name></author>
<link rel="self" type="application/atom+xml" href="${url}feed.xml"/>
<link rel="alternate" type="text/html" href="${url}index.html"/>
${all.map(({ entry, current }) => item(entry, entry === current, store, url))}</feed>
`.toString();
}

function item(entry: StoreEntry, isCurrent: boolean, store: string, url: string) {
  const { id, name, attributes, disk, created } = entry;
  const { os = "", release = "", architecture = "", description = "" } = attributes;
  const words = [os, release, architecture].filter((one) => one !== "").join(" ");
  const href = isCurrent ? `${url}files/${encodeURIComponent(fileName(entry))}` : `${url}blobs/${disk.sha256}`;
  return markup`<entry>
<id>urn:uuid:${uuidOf(`${store}/${id}`)}</id>
<title>${name}${words === "" ? "" : ` (${words})`}</title>
<updated>${rfc3339(created)}</updated>
<link rel="alternate" type="text/html" href="${url}index.html#image-${name}"/>
<link rel="enclosure" type="application/octet-stream" length="${disk.size}" href="${href}"/>
<summary>${description === "" ? "" : `${description}\n`}sha256:${disk.sha256}</summary>
</entry>
`;
}

const rfc3339 = (text: string): string => new Date(text).toISOString();

/** The same text, the same id: version 8 of RFC 9562. */
function uuidOf(text: string): string {
  const hex = new Bun.CryptoHasher("sha256").update(text).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
