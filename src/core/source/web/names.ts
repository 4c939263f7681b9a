/** The names that a server gives a file: in Content-Disposition, and that of the address that answered. */
export function namesOf(headers: Headers, url: string): readonly string[] {
  const given = dispositionOf(headers.get("content-disposition") ?? "");
  const path = decoded(new URL(url).pathname);
  return [...(given === undefined ? [] : [given]), path].filter((name) => name !== "" && name !== "/");
}

/** `attachment; filename="x.img"; filename*=UTF-8''x.img` (RFC 6266): the extended form first; without directories. */
function dispositionOf(header: string): string | undefined {
  const extended = /(?:^|[;\s])filename\*\s*=\s*[\w-]*'[^']*'([^;\s]+)/i.exec(header)?.[1];
  if (extended !== undefined) return last(decoded(extended));
  const match = /(?:^|[;\s])filename\s*=\s*(?:"((?:\\.|[^"\\])*)"|([^;\s]+))/i.exec(header);
  const plain = match?.[1]?.replace(/\\(.)/g, "$1") ?? match?.[2];
  return plain === undefined ? undefined : last(plain);
}

const last = (name: string): string => name.split(/[/\\]/).at(-1) ?? "";

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
