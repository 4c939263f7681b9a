import { tarOf } from "images";

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
