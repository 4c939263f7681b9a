import type { Format } from "../model/image.ts";
import { viewOf } from "./bytes.ts";
import type { Packing } from "./compression.ts";
import { isText, nonDiskKind } from "./non-disk.ts";
import { HEADER_LENGTH } from "./qcow2/header.ts";
import { isTarHeader } from "./tar-header.ts";

/** Bytes of the head by which everything is recognized: an ISO 9660 file system shows itself only behind its first 32 KiB. */
export const HEAD = 0x8001 + 5;

/** What bytes are, by their beginning. */
export type DetectedKind =
  | { readonly kind: "packed"; readonly packing: Packing }
  | { readonly kind: "zip" }
  /** Neither a disk nor anything that is unpacked here; `what` says it in words. */
  | { readonly kind: "foreign"; readonly what: string }
  | {
      readonly kind: "image";
      readonly format: Exclude<Format, "other">;
      /** Bytes of the disk, where the head tells them. */
      readonly virtualSize?: number;
      /** Of raw bytes: how the disk is divided. */
      readonly partitions?: "mbr" | "gpt";
      /** Of qcow2, vmdk, vhd: which of its versions or variants. */
      readonly variant?: string;
      /** With what all of it is encrypted. */
      readonly encrypted?: string;
    };

/**
 * Tells bytes by what they are, never by a name: from the first `HEAD` bytes (fewer where there are no more) and, where the end can
 * be read, the last 512, by which alone a VHD of fixed size is known. What is none of the others is raw.
 */
export function detect(head: Uint8Array, tail?: Uint8Array): DetectedKind {
  const found = packed(head) ?? image(head) ?? vhd(head, tail) ?? filesystem(head);
  if (found !== undefined) return found;
  const what = nonDiskKind(head, tail);
  return what === undefined ? raw(head) : { kind: "foreign", what };
}

/** What it is, in words. */
export function wordsOf(kind: DetectedKind, head: Uint8Array): string {
  switch (kind.kind) {
    case "packed":
      return `${kind.packing} data`;
    case "zip":
      return "a zip archive";
    case "foreign":
      return kind.what;
    case "image":
      if (kind.format !== "raw") return kind.format === "iso" ? "an ISO image" : `a ${kind.format} image`;
      if (head.length === 0) return "empty";
      return isText(head) ? "text" : "a raw disk, or bytes of an unknown format";
    default:
      return kind satisfies never;
  }
}

// Loops, and nothing made for them: each image is asked for all of these, some of them more than once.
function has(bytes: Uint8Array, at: number, ...magic: readonly number[]): boolean {
  if (bytes.length < at + magic.length) return false;
  for (let index = 0; index < magic.length; index++) if (bytes[at + index] !== magic[index]) return false;
  return true;
}

function says(bytes: Uint8Array, at: number, magic: string): boolean {
  if (bytes.length < at + magic.length) return false;
  for (let index = 0; index < magic.length; index++) if (bytes[at + index] !== magic.charCodeAt(index)) return false;
  return true;
}

function packed(head: Uint8Array): DetectedKind | undefined {
  if (has(head, 0, 0x1f, 0x8b, 8)) return { kind: "packed", packing: "gz" };
  if (has(head, 0, 0xfd, 0x37, 0x7a, 0x58, 0x5a, 0)) return { kind: "packed", packing: "xz" };
  if (isBzip2(head)) return { kind: "packed", packing: "bz2" };
  const frames = framesOf(head);
  if (frames !== undefined) return { kind: "packed", packing: frames };
  if (isLzma(head)) return { kind: "packed", packing: "lzma" };
  return says(head, 0, "PK\x03\x04") || says(head, 0, "PK\x05\x06") ? { kind: "zip" } : undefined;
}

/** The magic, a level, and the beginning of a block or of the end. */
function isBzip2(head: Uint8Array): boolean {
  const level = head[3] ?? 0;
  if (!says(head, 0, "BZh") || level < 0x31 || level > 0x39) return false;
  return has(head, 4, 0x31, 0x41, 0x59, 0x26, 0x53, 0x59) || has(head, 4, 0x17, 0x72, 0x45, 0x38, 0x50, 0x90);
}

/** There is no magic: the usual properties, a plausible dictionary and size, and the zero that the packed bytes begin with. */
function isLzma(head: Uint8Array): boolean {
  if (head.length < 14 || head[0] !== 0x5d || head[13] !== 0) return false;
  const view = viewOf(head);
  const dictionary = view.getUint32(1, true);
  const size = view.getBigUint64(5, true);
  const isPower = Number.isInteger(Math.log2(dictionary)) || Number.isInteger(Math.log2(dictionary / 3));
  const isPlausible = size === 2n ** 64n - 1n || (size > 0n && size < 2n ** 40n);
  return isPower && dictionary >= 4096 && dictionary <= 2 ** 30 && isPlausible;
}

/** A frame without data, of any length. */
export const isPadding = (head: Uint8Array, at = 0): boolean =>
  ((head[at] ?? 0) & 0xf0) === 0x50 && has(head, at + 1, 0x2a, 0x4d, 0x18);

/** A frame of zstd or lz4, or the frames without data that both may have before it. */
function framesOf(head: Uint8Array): "zst" | "lz4" | undefined {
  for (let at = 0; at + 4 <= head.length; ) {
    if (has(head, at, 0x28, 0xb5, 0x2f, 0xfd)) return "zst";
    if (has(head, at, 0x04, 0x22, 0x4d, 0x18)) return (head[at + 4] ?? 0) >>> 6 === 1 ? "lz4" : undefined;
    if (!isPadding(head, at) || head.length < at + 8) return;
    at += 8 + viewOf(head).getUint32(at + 4, true);
  }
  return undefined;
}

function image(head: Uint8Array): DetectedKind | undefined {
  const view = viewOf(head);
  const size64 = (at: number, little: boolean, unit = 1): { readonly virtualSize?: number } => {
    if (head.length < at + 8) return {};
    const size = Number(view.getBigUint64(at, little)) * unit;
    return Number.isSafeInteger(size) ? { virtualSize: size } : {};
  };
  if (says(head, 0, "QFI\xfb")) {
    const variant = head.length < HEADER_LENGTH ? {} : { variant: `version ${view.getUint32(4)}` };
    const isEncrypted = head.length >= HEADER_LENGTH && view.getUint32(32) !== 0;
    const encrypted = isEncrypted ? { encrypted: view.getUint32(32) === 2 ? LUKS : "AES of qcow2" } : {};
    return { kind: "image", format: "qcow2", ...variant, ...encrypted, ...size64(24, false) };
  }
  if (says(head, 0, "KDMV")) return { kind: "image", format: "vmdk", variant: "sparse", ...size64(12, true, 512) };
  if (says(head, 0, "COWD")) return { kind: "image", format: "vmdk", variant: "sparse, version 3" };
  if (isDescriptor(head)) return { kind: "image", format: "vmdk", variant: "descriptor" };
  if (says(head, 0, "vhdxfile")) return { kind: "image", format: "vhdx" };
  if (has(head, 64, 0x7f, 0x10, 0xda, 0xbe)) return { kind: "image", format: "vdi", ...size64(368, true) };
  if (says(head, 0, "QED\0")) return { kind: "image", format: "qed", ...size64(48, true) };
  if (says(head, 0, "WithoutFreeSpace") || says(head, 0, "WithouFreSpacExt")) {
    return { kind: "image", format: "parallels", ...size64(36, true, 512) };
  }
  if (says(head, 0, "hsqs")) return { kind: "image", format: "squashfs" };
  return undefined;
}

/** What qemu takes for one: a version in the first line that is neither empty nor a comment. */
const isDescriptor = (head: Uint8Array): boolean =>
  says(head, 0, "# Disk DescriptorFile") ||
  (BEGINS.includes(head[0] ?? 0) &&
    /^(?:#[^\n]*\n| *\r?\n)*version=[123]\r?\n/.test(new TextDecoder("latin1").decode(head.subarray(0, 2048))));
/** What a descriptor can begin with. */
const BEGINS = Array.from("# \r\nv", (letter) => letter.charCodeAt(0));

/** A dynamic VHD begins with a copy of its footer; a fixed one has it only at its end. */
function vhd(head: Uint8Array, tail: Uint8Array | undefined): DetectedKind | undefined {
  const footer = says(head, 0, "conectix") ? head : tail;
  if (footer === undefined || !says(footer, 0, "conectix") || footer.length < 64) return undefined;
  const size = Number(viewOf(footer).getBigUint64(48, false));
  const variant = viewOf(footer).getUint32(60) === 2 ? "fixed" : "dynamic";
  return { kind: "image", format: "vhd", variant, ...(Number.isSafeInteger(size) ? { virtualSize: size } : {}) };
}

function filesystem(head: Uint8Array): DetectedKind | undefined {
  if (says(head, 0x8001, "CD001")) return { kind: "image", format: "iso" };
  return isTarHeader(head.subarray(0, 512)) ? { kind: "image", format: "tar" } : undefined;
}

const LUKS = "LUKS";

function raw(head: Uint8Array): DetectedKind {
  if (says(head, 0, "LUKS\xba\xbe")) return { kind: "image", format: "raw", encrypted: LUKS };
  if (says(head, 512, "EFI PART") || says(head, 4096, "EFI PART")) {
    return { kind: "image", format: "raw", partitions: "gpt" };
  }
  return { kind: "image", format: "raw", ...(has(head, 510, 0x55, 0xaa) ? { partitions: "mbr" } : {}) };
}
