import { viewOf } from "./bytes.ts";
import { corrupt, unsupported } from "./failures.ts";

const SECTOR = 512;
const DESCRIPTOR = { offset: 28, sectors: 36, most: 2048 } as const;
/** Where qemu reads the descriptor, whatever the header says of its place and length. */
const QEMU = { at: SECTOR, end: 21 * SECTOR } as const;
const WHOLE = ["monolithicsparse", "streamoptimized"];
const HINT = "merge its files into one image: qemu-img convert -O vmdk -o subformat=streamOptimized IMAGE WHOLE.vmdk";

/** Refuses a vmdk image whose data, or a part of it, is in other files. Fails with `source.format` or `source.corrupt`. */
export function checkVmdk(head: Uint8Array): void {
  const sparse = head.length >= 80 && viewOf(head).getUint32(0) === 0x4b444d56;
  if (!sparse) throw unsupported("a vmdk descriptor, whose data is in other files", HINT);
  const view = viewOf(head);
  const offset = Number(view.getBigUint64(DESCRIPTOR.offset, true));
  const sectors = Number(view.getBigUint64(DESCRIPTOR.sectors, true));
  if (view.getBigUint64(12, true) === 0n) throw unsupported("a vmdk image without a disk of its own", HINT);
  if (offset === 0) throw onPart();
  if (sectors === 0 || sectors > DESCRIPTOR.most || (offset + sectors) * SECTOR > head.length) {
    throw corrupt("the descriptor of the vmdk image is at an impossible place");
  }
  checkDescriptor(textOf(head.subarray(offset * SECTOR, (offset + sectors) * SECTOR)));
  refuseParent(textOf(head.subarray(QEMU.at, QEMU.end)));
}

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes).split("\0")[0] ?? "";

function checkDescriptor(text: string): void {
  const type = /^\s*createType\s*=\s*"?([^"\r\n]*)"?/im.exec(text)?.[1]?.trim() ?? "";
  if (type === "") throw onPart();
  if (!WHOLE.includes(type.toLowerCase())) {
    throw unsupported(`a vmdk image of the type ${JSON.stringify(type)}, whose data is in other files`, HINT);
  }
  const parent = /^\s*parentCID\s*=\s*"?([0-9a-f]+)/im.exec(text)?.[1] ?? "ffffffff";
  if (!/^f{8}$/i.test(parent)) throw onParent();
  refuseParent(text);
  const extents = text.match(/^\s*(?:RW|RDONLY|NOACCESS)\b.*$/gim) ?? [];
  const [only = "", ...more] = extents;
  if (more.length > 0 || !/^\s*(?:RW|RDONLY)\s+\d+\s+SPARSE\s+"[^"/\\]*"\s*$/i.test(only)) {
    throw unsupported("a vmdk image with extents in other files", HINT);
  }
}

/** Anywhere in the text, also in a comment: qemu opens what is named there. */
function refuseParent(text: string): void {
  if (/parentFileNameHint/i.test(text)) throw onParent();
}

const onPart = () => unsupported("a part of a vmdk image, whose descriptor is in another file", HINT);
const onParent = () => unsupported("a vmdk image on top of a parent image", HINT);
