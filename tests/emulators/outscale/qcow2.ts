import { type FileHandle, open } from "node:fs/promises";
import { inflateRawSync } from "node:zlib";

const MAGIC = 0x514649fb;
const CLUSTER = 65_536;
/** Entries of an L2 table, and of a refcount block. */
const PER_L2 = CLUSTER / 8;
const PER_BLOCK = CLUSTER / 2;
const USED_ONCE = 1n << 63n;
const OFFSET = 0x00ff_ffff_ffff_fe00n;
const COMPRESSED = 1n << 62n;

/** The size of the disk in a qcow2 file, told from its first 32 bytes; undefined when it is no qcow2 file. */
export function qcow2Size(head: Buffer): number | undefined {
  return head.length >= 32 && head.readUInt32BE(0) === MAGIC ? Number(head.readBigUInt64BE(24)) : undefined;
}

/** Writes a raw disk as a qcow2 file, every cluster in its order. */
export async function writeQcow2(raw: string, target: string): Promise<void> {
  await using from = await open(raw, "r");
  await using to = await open(target, "w");
  const { size } = await from.stat();
  const data = Math.ceil(size / CLUSTER);
  const tables = Math.max(1, Math.ceil(data / PER_L2));
  const directory = Math.ceil((tables * 8) / CLUSTER);
  const { blocks, heads } = refcounts(1 + directory + tables + data);
  const at = { blocks: 1 + heads, l1: 1 + heads + blocks, l2: 1 + heads + blocks + directory };
  const first = at.l2 + tables;
  await write(to, 0, header(size, heads, at.l1, tables));
  await write(to, CLUSTER, pointers(blocks, at.blocks, 0n));
  await write(to, at.blocks * CLUSTER, counts(first + data));
  await write(to, at.l1 * CLUSTER, pointers(tables, at.l2, USED_ONCE));
  await write(to, at.l2 * CLUSTER, pointers(data, first, USED_ONCE));
  const cluster = Buffer.alloc(CLUSTER);
  for (let index = 0; index < data; index += 1) {
    const { bytesRead } = await from.read(cluster, 0, CLUSTER, index * CLUSTER);
    await write(to, (first + index) * CLUSTER, cluster.fill(0, bytesRead));
  }
}

/**
 * Writes the disk in a qcow2 file as a raw one.
 *
 * @throws Error for what is not emulated: backing files, encryption, compression other than deflate
 */
export async function readQcow2(source: string, target: string): Promise<void> {
  await using from = await open(source, "r");
  await using to = await open(target, "w");
  const head = await read(from, 0n, 104);
  const size = qcow2Size(head);
  if (size === undefined) throw new Error("not a qcow2 file");
  if (head.readBigUInt64BE(8) !== 0n || head.readUInt32BE(32) !== 0) throw new Error("backed or encrypted");
  const bits = head.readUInt32BE(20);
  const cluster = 2 ** bits;
  const perTable = cluster / 8;
  await to.truncate(size);
  const l1 = await read(from, head.readBigUInt64BE(40), head.readUInt32BE(36) * 8);
  for (let table = 0; table * 8 < l1.length; table += 1) {
    const place = l1.readBigUInt64BE(table * 8) & OFFSET;
    if (place === 0n) continue;
    const l2 = await read(from, place, cluster);
    for (let index = 0; index < perTable; index += 1) {
      const start = (table * perTable + index) * cluster;
      if (start >= size) break;
      const bytes = await clusterAt(from, l2.readBigUInt64BE(index * 8), bits);
      if (bytes !== undefined) await write(to, start, bytes.subarray(0, Math.min(cluster, size - start)));
    }
  }
}

/** A cluster's bytes; undefined where they are all zero. */
async function clusterAt(from: FileHandle, entry: bigint, bits: number): Promise<Buffer | undefined> {
  if ((entry & COMPRESSED) === 0n) {
    const isZero = (entry & 1n) === 1n || (entry & OFFSET) === 0n;
    return isZero ? undefined : await read(from, entry & OFFSET, 2 ** bits);
  }
  const split = BigInt(62 - (bits - 8));
  const place = entry & ((1n << split) - 1n);
  const sectors = Number((entry & (COMPRESSED - 1n)) >> split) + 1;
  return inflateRawSync(await read(from, place, sectors * 512 - Number(place & 511n)), { maxOutputLength: 2 ** bits });
}

function header(size: number, heads: number, l1: number, tables: number): Buffer {
  const bytes = Buffer.alloc(72);
  bytes.writeUInt32BE(MAGIC, 0);
  bytes.writeUInt32BE(2, 4);
  bytes.writeUInt32BE(Math.log2(CLUSTER), 20);
  bytes.writeBigUInt64BE(BigInt(size), 24);
  bytes.writeUInt32BE(tables, 36);
  bytes.writeBigUInt64BE(BigInt(l1 * CLUSTER), 40);
  bytes.writeBigUInt64BE(BigInt(CLUSTER), 48);
  bytes.writeUInt32BE(heads, 56);
  return bytes;
}

/** How many refcount blocks and clusters of their table a file with these other clusters needs; they count themselves. */
function refcounts(others: number): { readonly blocks: number; readonly heads: number } {
  let blocks = 1;
  for (;;) {
    const heads = Math.ceil((blocks * 8) / CLUSTER);
    const needed = Math.ceil((others + blocks + heads) / PER_BLOCK);
    if (needed <= blocks) return { blocks, heads };
    blocks = needed;
  }
}

function pointers(count: number, first: number, flags: bigint): Buffer {
  const bytes = Buffer.alloc(count * 8);
  for (let index = 0; index < count; index += 1) {
    bytes.writeBigUInt64BE(BigInt((first + index) * CLUSTER) | flags, index * 8);
  }
  return bytes;
}

function counts(clusters: number): Buffer {
  const bytes = Buffer.alloc(clusters * 2);
  for (let index = 0; index < clusters; index += 1) bytes.writeUInt16BE(1, index * 2);
  return bytes;
}

/** Zeros stand for what is beyond the end of the file. */
async function read(from: FileHandle, place: bigint, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  await from.read(bytes, 0, length, Number(place));
  return bytes;
}

async function write(to: FileHandle, place: number, bytes: Buffer): Promise<void> {
  await to.write(bytes, 0, bytes.length, place);
}
