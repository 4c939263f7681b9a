import type { Format } from "../model/image.ts";
import type { RandomAccess } from "./access.ts";
import { viewOf } from "./bytes.ts";
import { corrupt, truncated, unsupported } from "./failures.ts";
import { checkHead, checkTables } from "./qcow2/check.ts";
import { METADATA_LENGTH, metadataRegion, parametersOf, refuseLog, TABLE_LENGTH } from "./vhdx.ts";
import { checkVmdk } from "./vmdk.ts";

const FLATTEN = "merge both into one image: qemu-img convert -O qcow2 IMAGE WHOLE.qcow2";
const onParent = (format: Format) => unsupported(`a ${format} image on top of a parent image`, FLATTEN);

/**
 * Refuses an image that is not whole by itself, as far as its first bytes show it: a program that opens it would read other files of
 * its machine. `size` is that of the image, where it is known; `tail` its last 512 bytes. Fails with `source.format`,
 * `source.corrupt` or `source.truncated`.
 */
export function refuseUnsafe(format: Format, head: Uint8Array, size?: number, tail?: Uint8Array): void {
  switch (format) {
    case "qcow2":
      checkHead(head, size);
      return;
    case "vmdk":
      checkVmdk(head);
      return;
    case "vhd":
      checkVhd(head, tail);
      return;
    case "vdi":
      checkVdi(head, size);
      return;
    case "qed":
      checkQed(head);
      return;
    case "parallels":
      checkParallels(head, size);
      return;
    default:
  }
}

/** The same of a file, all of which can be read. */
export async function refuseUnsafeFile(format: Format, file: RandomAccess): Promise<void> {
  if (format === "qcow2") await checkTables(file);
  if (format !== "vhdx") return;
  const head = await file.read(0, TABLE_LENGTH, "again");
  refuseLog(head);
  const region = metadataRegion(head);
  if (parametersOf(await file.read(region, METADATA_LENGTH, "again")).hasParent) throw onParent("vhdx");
}

/** The type: 2 is fixed, 3 dynamic, 4 a difference to another image. */
export function checkVhd(head: Uint8Array, tail: Uint8Array | undefined): void {
  const isDynamic = new TextDecoder().decode(head.subarray(0, 8)) === "conectix";
  const footer = isDynamic ? head : (tail ?? head);
  if (footer.length < 64) throw truncated("the vhd image");
  const type = viewOf(footer).getUint32(60);
  if (type === 4) throw onParent("vhd");
  if (type !== 2 && type !== 3) throw corrupt(`the vhd image is of the impossible type ${type}`);
}

/** The type (1 is dynamic, 2 fixed), the ids of the images below, and where the last block ends. */
function checkVdi(head: Uint8Array, size = Number.POSITIVE_INFINITY): void {
  if (head.length < 512) throw truncated("the vdi image");
  const view = viewOf(head);
  const type = view.getUint32(76, true);
  if (type === 3 || type === 4 || head.subarray(424, 456).some((byte) => byte !== 0)) throw onParent("vdi");
  if (type !== 1 && type !== 2) throw corrupt(`the vdi image is of the impossible type ${type}`);
  const [data = 0, block = 0, count = 0] = [344, 376, 388].map((at) => view.getUint32(at, true));
  if (data + block * count > size) throw truncated("the vdi image");
}

/** Bit 0 of the features: a backing file. 1 and 2: a check is needed, and the backing file is raw. */
function checkQed(head: Uint8Array): void {
  if (head.length < 64) throw truncated("the qed image");
  const view = viewOf(head);
  if ((view.getUint32(16, true) & 1) !== 0) {
    throw unsupported("a qed image on top of a backing file", FLATTEN);
  }
  if (view.getUint32(16, true) > 7 || view.getUint32(20, true) !== 0) {
    throw unsupported("a qed image with unknown features", "convert it with the qemu-img that created it");
  }
}

/** Where the clusters lie, as far as the table of them shows. Newer images count in clusters, older ones in sectors. */
function checkParallels(head: Uint8Array, size = Number.POSITIVE_INFINITY): void {
  if (head.length < 64) throw truncated("the parallels image");
  const view = viewOf(head);
  const cluster = view.getUint32(28, true) * 512;
  const unit = new TextDecoder().decode(head.subarray(0, 16)) === "WithouFreSpacExt" ? cluster : 512;
  const end = Math.min(64 + view.getUint32(32, true) * 4, head.length - 3);
  for (let at = 64; at < end; at += 4) {
    const place = view.getUint32(at, true) * unit;
    if (place > 0 && place + cluster > size) throw truncated("the parallels image");
  }
}
