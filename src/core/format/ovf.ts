import { Failure } from "../failure.ts";

/** The most that a description of a virtual machine takes in good faith. */
export const OVF_LIMIT = 1 << 20;

/** An OVA in which it has to be said which file is meant. */
export class NoSingleDisk extends Failure {}

/** Whether a file of an archive is the description that makes it an OVA. It is the first one there. */
export const isOvf = (name: string): boolean => /\.ovf$/i.test(name);

/** The name of the only disk that an OVF describes. Fails with `source.member` where there is none, or more than one. */
export function diskOf(ovf: Uint8Array): string {
  const text = new TextDecoder().decode(ovf);
  const files = new Map<string, string>();
  for (const [tag] of text.matchAll(/<(?:\w+:)?File\b[^>]*>/g)) {
    const [id, href] = [attribute(tag, "id"), attribute(tag, "href")];
    if (id !== undefined && href !== undefined) files.set(id, href);
  }
  const found = new Set<string>();
  for (const [tag] of text.matchAll(/<(?:\w+:)?Disk\b[^>]*>/g)) {
    const href = files.get(attribute(tag, "fileRef") ?? "");
    if (href !== undefined) found.add(href);
  }
  const [only, ...more] = found;
  if (only !== undefined && more.length === 0) return only;
  const names = [...found].map((name) => JSON.stringify(name)).join(", ");
  throw new NoSingleDisk(
    "source.member",
    only === undefined ? "the OVA has no disk" : "the OVA has more than one disk",
    {
      hint: only === undefined ? "choose the file with: member" : `choose one with: member; the files are ${names}`,
    },
  );
}

function attribute(tag: string, name: string): string | undefined {
  const value = new RegExp(`\\s(?:\\w+:)?${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)')`).exec(tag);
  const text = value?.[1] ?? value?.[2];
  return text
    ?.replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&apos;", "'")
    .replaceAll("&amp;", "&");
}
