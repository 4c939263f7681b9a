import { tarOf } from "images";

/** The facts that an Incus server wants to know of an image that came without metadata of its own. */
interface LocalFacts {
  readonly name: string;
  readonly os: string;
  readonly release: string;
  readonly architecture: string;
  readonly variant: string;
  readonly created: Date;
}

const ARCHITECTURES: Readonly<Record<string, string>> = {
  amd64: "x86_64",
  arm64: "aarch64",
  armhf: "armv7l",
  i386: "i686",
};

/** A tar with the one file `metadata.yaml` in it: what Incus asks for beside a bare disk or root file system. */
export function metadataTar(facts: LocalFacts): Uint8Array {
  const { name, os, release, architecture, variant, created } = facts;
  const lines = [
    `architecture: ${JSON.stringify(ARCHITECTURES[architecture] ?? architecture)}`,
    `creation_date: ${Math.floor(created.getTime() / 1000)}`,
    "properties:",
    ...Object.entries({
      os,
      release,
      architecture,
      variant,
      description: `${os} ${release} ${architecture} (${name})`,
    }).map(([key, value]) => `  ${key}: ${JSON.stringify(value)}`),
  ];
  return tarOf("metadata.yaml", new TextEncoder().encode(`${lines.join("\n")}\n`), created);
}
