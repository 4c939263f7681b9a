import { type Markup, markup, page } from "images";
import script from "./page.browser.js" with { type: "text" };
import style from "./page.css" with { type: "text" };
import type { StoreEntry } from "./record.ts";
import { fileName, isProduct, type ProductVersions } from "./streams.ts";

/** What is in commands for the address of the store, where nobody has said it; a script puts that of the page there. */
const NOWHERE = "https://MIRROR/";

/** The store for people who open it in a browser: a pure function of what is public in it. `url` ends with a slash. */
export function storePage(shelves: readonly ProductVersions[], url: string | undefined): string {
  const at = url ?? NOWHERE;
  const size = shelves.reduce((sum, { current }) => sum + current.disk.size, 0);
  const newest = shelves
    .map(({ current }) => current.created)
    .sort()
    .at(-1);
  const body = markup`<header>
<h1>Machine images</h1>
<p class="soft">${shelves.length} ${shelves.length === 1 ? "image" : "images"}, ${amount(size)}${newest === undefined ? undefined : markup`, the newest of ${time(newest)}`}. <a href="feed.xml">Feed of new versions</a>, <a href="SHA256SUMS">SHA256SUMS</a>${shelves.some(({ current }) => isProduct(current)) ? markup`, <a href="streams/v1/index.json">simplestreams</a>` : undefined}</p>
</header>
<main>
${usage(shelves, at)}
${controls(shelves)}
<h2>Images</h2>
${shelves.length === 0 ? markup`<p>There is no public image yet.</p>` : shelves.map((one) => item(one, at))}
</main>`;
  const head = markup`<link rel="alternate" type="application/atom+xml" title="New versions" href="feed.xml">
`;
  return page({ title: "Machine images", style, script, head, body, ...(url === undefined ? {} : { url }) });
}

function usage(shelves: readonly ProductVersions[], at: string): Markup {
  const first = shelves.find(({ current }) => isProduct(current))?.current.name;
  const remote = `incus remote add mirror ${at} --protocol=simplestreams${first === undefined ? "" : `\nincus launch mirror:${first}`}`;
  const check = `curl -fsSL ${at}SHA256SUMS | sha256sum -c --ignore-missing`;
  return markup`<details><summary>Use this mirror</summary>
<p>As a remote of Incus:</p>
<pre data-copy="the commands for Incus">${remote}</pre>
<p>Verify a copy of this directory:</p>
<pre data-copy="the command that verifies">${check}</pre>
<p>The commands for one image, and its digest, are shown where it is opened.</p>
</details>`;
}

/** Of use with the script: the style hides them without. */
function controls(shelves: readonly ProductVersions[]): Markup {
  const distinct = (of: (entry: StoreEntry) => string) =>
    [...new Set(shelves.map(({ current }) => of(current)))].sort();
  const pick = (name: string, label: string, values: readonly string[]) =>
    markup`<label>${label}<select data-of="${name}"><option value="">All</option>${values.map((one) => markup`<option>${one}</option>`)}</select></label>`;
  return markup`<div role="search">
<label>Search by name, alias, system or release<input type="search" id="words" autocomplete="off" spellcheck="false"></label>
${pick("os", "System", distinct(systemOf))}${pick("arch", "Architecture", distinct(architectureOf))}${pick("format", "Format", distinct(formatText))}
<output id="count" class="soft" aria-live="polite">${shelves.length} of ${shelves.length} shown</output>
</div>`;
}

const systemOf = ({ name, attributes }: StoreEntry): string => attributes.os || name;
const architectureOf = ({ attributes }: StoreEntry): string => attributes.architecture || "amd64";
const formatText = ({ format, compression }: Pick<StoreEntry, "format" | "compression">): string =>
  compression === "none" ? format : `${format}.${compression}`;

function item({ current, older }: ProductVersions, at: string): Markup {
  const { name, attributes, disk, created } = current;
  const { aliases = [], description = "", release = "" } = attributes;
  const file = fileName(current);
  const architecture = architectureOf(current);
  return markup`<details class="i" id="image-${name}" data-os="${systemOf(current)}" data-arch="${architecture}" data-format="${formatText(current)}"><summary><b>${name}${aliases.length === 0 ? undefined : markup`<small>${aliases.join(", ")}</small>`}</b><span class="s">${attributes.os || ""} ${release} ${architecture}</span><span class="f">${formatText(current)}</span><span class="z">${amount(disk.size)}</span>${time(created)}</summary>${description === "" ? undefined : markup`<p>${description}</p>`}<p><a href="files/${encodeURIComponent(file)}">${file}</a>, ${disk.size} bytes<br>sha256 <code data-copy="the sha256 of ${name}">${disk.sha256}</code></p><pre data-of="${name}">${commands(current, at)}</pre>${versions(older)}</details>
`;
}

/** Fetch and verify, launch, declare: a line each. Names of images and files are plain words. */
function commands(entry: StoreEntry, at: string): string {
  const { name, disk, format } = entry;
  const file = fileName(entry);
  return [
    `curl -fLO ${at}files/${file} && echo "${disk.sha256}  ${file}" | sha256sum -c`,
    ...(isProduct(entry) ? [`incus launch mirror:${name}${format === "qcow2" ? " --vm" : ""}`] : []),
    `source = { url = "${at}files/${file}", checksum = "sha256:${disk.sha256}" }`,
  ].join("\n");
}

function versions(older: readonly StoreEntry[]): Markup | undefined {
  if (older.length === 0) return undefined;
  return markup`<p>Earlier versions:</p><ul>${older.map(
    ({ disk, created, mark: marker, format, compression }) =>
      markup`<li>${time(created)} <a href="blobs/${disk.sha256}">${formatText({ format, compression })}, ${amount(disk.size)}</a>${marker?.retained === undefined ? undefined : markup`, superseded on ${time(marker.retained)}, kept by retain`}<br>sha256 <code data-copy="the sha256 of the version of ${created.slice(0, 10)}">${disk.sha256}</code></li>`,
  )}</ul>`;
}

/** The day, in UTC. */
function time(text: string): Markup {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return markup`<time>${text}</time>`;
  const iso = date.toISOString();
  return markup`<time datetime="${iso}">${iso.slice(0, 10)}</time>`;
}

/** `512 B`, `4.1 GiB`. */
function amount(count: number): string {
  const unit = Math.min(5, count < 1024 ? 0 : Math.floor(Math.log2(count) / 10));
  const value = count / 1024 ** unit;
  return unit === 0 ? `${count} B` : `${value.toFixed(1)} ${["B", "KiB", "MiB", "GiB", "TiB", "PiB"][unit]}`;
}
