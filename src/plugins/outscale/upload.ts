import { type Context, Failure, type Host, imageId, imageOf, type Source } from "images";
import type { OutscaleBucket } from "./bucket.ts";
import { objectId, prefixOf } from "./cleanup.ts";
import type { OutscaleClient } from "./client.ts";
import { snapshotText } from "./marker.ts";
import type { OutscaleWatch } from "./watch.ts";
import type { SnapshotAnswer } from "./wire.ts";

/** Seconds that Outscale has to fetch an object. */
const A_DAY = 86_400;

/** Bytes become a snapshot: through an object in the bucket, which is gone again before this resolves. */
export class OmiUploads {
  readonly #client: OutscaleClient;
  readonly #bucket: OutscaleBucket | undefined;
  readonly #watch: OutscaleWatch<SnapshotAnswer>;
  readonly #host: Pick<Host, "file" | "maskSecret" | "backend">;

  constructor(
    client: OutscaleClient,
    bucket: OutscaleBucket | undefined,
    watch: OutscaleWatch<SnapshotAnswer>,
    host: Pick<Host, "file" | "maskSecret" | "backend">,
  ) {
    this.#client = client;
    this.#bucket = bucket;
    this.#watch = watch;
    this.#host = host;
  }

  /** The id of the completed snapshot. Each thing on the way is `identified` before the next one is begun. */
  async send(source: Source, context: Context): Promise<string> {
    const bucket = this.#bucket;
    if (bucket === undefined)
      throw new Failure("config.value", `${this.#host.backend} has no bucket, which uploads need`, {
        hint: 'write bucket = "NAME" into the settings of the backend',
      });
    const { signal, progress, address } = context;
    const token = crypto.randomUUID();
    const key = `${prefixOf(this.#host.file, address)}${imageOf(address).replaceAll(/[^A-Za-z0-9._-]/g, "_")}-${token}.${source.format}`;
    await context.identified(imageId(objectId(key)));
    const head = new Head();
    const sent = await bucket.upload(key, source, (piece) => head.add(piece), context);
    const size = source.virtualSize ?? (source.format === "qcow2" ? head.diskSize() : undefined) ?? sent;
    const url = bucket.presigned(key, A_DAY);
    this.#host.maskSecret(url);
    const wanted = { FileLocation: url, SnapshotSize: size, ClientToken: token };
    const Description = snapshotText(this.#host.file, address, token);
    const { SnapshotId } = await this.#client.createSnapshot({ ...wanted, Description }, signal);
    await context.identified(imageId(SnapshotId));
    const onPercent = (percent: number): void => progress("import", Math.round((size * percent) / 100), size);
    onPercent(0);
    await this.#watch.until(SnapshotId, (seen) => completed(SnapshotId, seen, onPercent), signal);
    await bucket.clear(key, signal);
    return SnapshotId;
  }
}

/** True once a snapshot can be used; `onPercent` gets the percents. @throws Failure backend.unmade when it never will be */
function completed(
  id: string,
  seen: SnapshotAnswer | undefined,
  onPercent: (percent: number) => void,
): true | undefined {
  if (seen === undefined || seen.State === "deleting")
    throw new Failure("backend.unmade", `the snapshot ${id} disappeared before it was completed`, {
      hint: "it was deleted in the meantime: apply again",
    });
  if (seen.State === "error")
    throw new Failure("backend.unmade", `Outscale could not create the snapshot ${id} from the bytes`, {
      hint: "check that the source is a raw or qcow2 disk, and that Outscale can read the bucket",
    });
  onPercent(seen.Progress ?? 0);
  return seen.State === "completed" ? true : undefined;
}

/** The first bytes of a qcow2 file say how large the disk is: eight bytes from the 24th on. */
class Head {
  readonly #bytes = Buffer.alloc(32);
  #length = 0;

  add(piece: Uint8Array): void {
    if (this.#length >= this.#bytes.length) return;
    const taken = piece.subarray(0, this.#bytes.length - this.#length);
    this.#bytes.set(taken, this.#length);
    this.#length += taken.byteLength;
  }

  diskSize(): number | undefined {
    if (this.#length < 32 || this.#bytes.toString("latin1", 0, 4) !== "QFI\xfb") return undefined;
    return Number(this.#bytes.readBigUInt64BE(24));
  }
}
