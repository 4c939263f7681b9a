import { type Host, tarOf } from "images";
import { parse } from "yaml";
import type { MultipartFiles } from "./multipart.ts";

/** The facts that Incus wants to know of an image. */
interface IncusFacts {
  /** As Incus names it: x86_64. */
  readonly architecture: string;
  readonly created: Date;
  readonly properties: Readonly<Record<string, string>>;
  /** Tells it from any other that says the same. One line. */
  readonly serial: string;
}

/** A tar with the one file `metadata.yaml` in it: what Incus asks for beside a bare disk or root file system. */
export function metadataTar({ architecture, created, properties, serial }: IncusFacts): Uint8Array {
  const entries = Object.entries(properties);
  const lines = [
    `# ${serial}`,
    `architecture: ${JSON.stringify(architecture)}`,
    `creation_date: ${Math.floor(created.getTime() / 1000)}`,
    ...(entries.length === 0 ? ["properties: {}"] : ["properties:"]),
    ...entries.map(([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`),
  ];
  return tarOf("metadata.yaml", new TextEncoder().encode(`${lines.join("\n")}\n`), created);
}

/**
 * Whether the metadata of an image has properties, as far as its first bytes tell. incusd (6.0.4) crashes
 * where an upload names properties of an image that has none.
 */
export async function hasProperties(
  files: MultipartFiles,
  { fileIn }: Pick<Host, "fileIn">,
  signal: AbortSignal,
): Promise<boolean> {
  const file = await fileIn(firstOf(files, signal), "metadata.yaml", signal);
  return file !== undefined && isWithProperties(new TextDecoder().decode(file));
}

/** The first of the files. The pieces hold until the fourth after them: copies are kept. */
async function* firstOf(files: MultipartFiles, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  if (files.first !== undefined) {
    for await (const bytes of files.first(signal)) yield new Uint8Array(bytes);
    return;
  }
  for await (const { part, bytes } of files.open(signal)) {
    if (part > 0) return;
    if (bytes.byteLength > 0) yield new Uint8Array(bytes);
  }
}

function isWithProperties(text: string): boolean {
  try {
    const { properties = null }: { properties?: unknown } = parse(text) ?? {};
    return typeof properties === "object" && properties !== null;
  } catch {
    return false;
  }
}
