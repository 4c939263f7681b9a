import { address, backendName, imageId, imageName } from "../../src/core/model/name.ts";
import { storePage } from "../../src/plugins/local/page.ts";
import type { StoreEntry } from "../../src/plugins/local/record.ts";
import { productVersions } from "../../src/plugins/local/streams.ts";

const SYSTEMS = ["Debian", "Ubuntu", "Alpine", "Fedora", "Rocky"] as const;
const DAY = 24 * 3600 * 1000;

/** The record of a made-up image: always the same for a number. */
export function entryOf(n: number, more: Partial<StoreEntry> = {}): StoreEntry {
  const os = SYSTEMS[n % SYSTEMS.length] ?? "Debian";
  const name = more.name ?? `${os.toLowerCase()}-${n}`;
  const sha256 = new Bun.CryptoHasher("sha256").update(`${n}`).digest("hex");
  const isDisk = n % 3 !== 2;
  return {
    id: imageId(`${name}@${n}`),
    name,
    attributes: {
      os,
      release: `${10 + (n % 7)}`,
      architecture: n % 2 === 0 ? "amd64" : "arm64",
      aliases: [`${os.toLowerCase()}/${n}`],
      description: `${os} for tests`,
    },
    disk: { sha256, size: 300_000_000 + n * 1_234_567 },
    ...(isDisk ? { metadata: { sha256: sha256.replace(/./, "0"), size: 512 } } : {}),
    fingerprint: sha256,
    format: isDisk ? "qcow2" : "raw",
    compression: isDisk ? "none" : "xz",
    created: new Date(Date.UTC(2026, 0, 1) - (n % 400) * DAY).toISOString(),
    ...more,
  };
}

/** Five images, one of which has earlier versions. */
export const FEW: readonly StoreEntry[] = [
  ...[0, 1, 2, 3, 4].map((n) => entryOf(n)),
  ...[7, 8].map((n) =>
    entryOf(n, {
      name: "debian-0",
      mark: {
        file: "mirror-1a2b",
        owner: address(backendName("store"), imageName("debian-0")),
        content: "none",
        retained: new Date(Date.UTC(2026, 0, 1)).toISOString(),
      },
    }),
  ),
];

export const pageOf = (entries: readonly StoreEntry[], url?: string): string =>
  storePage(productVersions(entries), url);
