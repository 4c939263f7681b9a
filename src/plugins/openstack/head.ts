import type { Context, Desired, Host, Pull } from "images";
import type { OsImage } from "./schema.ts";

// What a URL gives, by its first bytes: Glance keeps what it fetches as it is, whatever it is declared to be.

/** Bytes that are looked at: the descriptor of an ISO 9660 file system begins at 32 KiB. */
const LENGTH = 34 << 10;

/** The first bytes behind a URL, asked for without any credentials. */
export type Head = (url: string, signal: AbortSignal) => Promise<Uint8Array>;

export const headFrom =
  (host: Pick<Host, "http">): Head =>
  async (url, signal) => {
    const headers = { range: `bytes=0-${LENGTH - 1}` };
    const answer = await host.http({ url }).send("GET", url, { signal, headers, timeout: 60 });
    const pieces: Uint8Array[] = [];
    let length = 0;
    for await (const piece of answer.stream()) {
      pieces.push(Uint8Array.from(piece));
      length += piece.length;
      if (length >= LENGTH) break;
    }
    return Buffer.concat(pieces);
  };

const MAGIC: readonly (readonly [kind: string, at: number, text: string])[] = [
  ["gzip", 0, "\x1f\x8b"],
  ["bzip2", 0, "BZh"],
  ["xz", 0, "\xfd7zXZ\0"],
  ["zstd", 0, "\x28\xb5\x2f\xfd"],
  ["zip", 0, "PK\x03\x04"],
  ["tar", 257, "ustar"],
  ["qcow2", 0, "QFI\xfb"],
  ["vmdk", 0, "KDMV"],
  ["vmdk descriptor", 0, "# Disk DescriptorFile"],
  ["vhdx", 0, "vhdxfile"],
  ["vhd", 0, "conectix"],
  ["vdi", 64, "\x7f\x10\xda\xbe"],
  ["iso", 32769, "CD001"],
];

/** What bytes are; "raw" where they are nothing that is known. */
export function kindOf(head: Uint8Array): string {
  const text = Buffer.from(head.buffer, head.byteOffset, head.byteLength).toString("latin1");
  const kind = MAGIC.find(([, at, magic]) => text.startsWith(magic, at))?.[0] ?? "raw";
  return kind === "qcow2" && refers(head) ? "qcow2 that refers to another file" : kind;
}

/** A qcow2 with a backing file or an external data file: what it names could be a file of the cloud's (CVE-2024-32498). */
function refers(head: Uint8Array): boolean {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (head.length < 80) return true;
  const hasBacking = view.getBigUint64(8) !== 0n;
  return hasBacking || (view.getUint32(4) >= 3 && (view.getBigUint64(72) & 4n) !== 0n);
}

/** Whether Glance may keep bytes of a kind as what is declared, as they are. */
export function keeps({ disk_format: disk, container_format: container = "bare" }: Desired<OsImage>, kind: string) {
  if ((container !== "bare" && container !== "ovf") || disk === undefined) return true;
  if (["ami", "ari", "aki", "ploop"].includes(disk)) return true;
  // A boot sector before an ISO 9660 makes it a disk as well; a VHD of fixed size is known by its end alone.
  if (disk === "raw") return kind === "raw" || kind === "iso";
  return kind === disk || (disk === "vhd" && kind === "raw");
}

/** Whether Glance can fetch what is declared. False: the bytes have to be unpacked or converted first, as a note says. */
export async function fits(want: Desired<OsImage>, { urls }: Pull, head: Head, context: Context): Promise<boolean> {
  const { signal, note } = context;
  for (const url of urls) {
    const bytes = await head(url, signal).catch((thrown: unknown) => {
      signal.throwIfAborted();
      // Glance may get to where we do not.
      note(`${new URL(url).host} could not be read from here before Glance fetches it: ${messageOf(thrown)}`);
      return undefined;
    });
    if (bytes === undefined) continue;
    const kind = kindOf(bytes);
    if (keeps(want, kind)) return true;
    note(`Glance does not fetch ${new URL(url).host}: the bytes are ${kind}, and disk_format is ${want.disk_format}`);
    return false;
  }
  return true;
}

const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));
