/** The facts that an Incus server wants to know of an image that came without metadata of its own. */
export interface Facts {
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
export function metadataTar(facts: Facts): Uint8Array {
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
  return tar("metadata.yaml", new TextEncoder().encode(`${lines.join("\n")}\n`), created);
}

/** One file as a POSIX ustar archive. */
function tar(name: string, body: Uint8Array, at: Date): Uint8Array {
  const block = 512;
  const out = new Uint8Array(block + Math.ceil(body.byteLength / block) * block + 2 * block);
  const text = new TextEncoder();
  const put = (offset: number, value: string) => out.set(text.encode(value), offset);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, "0");
  put(0, name);
  put(100, `${octal(0o644, 7)}\0`);
  put(108, `${octal(0, 7)}\0`);
  put(116, `${octal(0, 7)}\0`);
  put(124, `${octal(body.byteLength, 11)}\0`);
  put(136, `${octal(Math.floor(at.getTime() / 1000), 11)}\0`);
  put(148, " ".repeat(8));
  put(156, "0");
  put(257, "ustar\0" + "00");
  const sum = out.subarray(0, block).reduce((total, byte) => total + byte, 0);
  put(148, `${octal(sum, 6)}\0 `);
  out.set(body, block);
  return out;
}
