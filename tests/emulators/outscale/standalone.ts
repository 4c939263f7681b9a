import { randomBytes } from "node:crypto";
import type { Running, Standalone, Values } from "../kit/standalone.ts";
import { startObjectStore } from "./bucket.ts";
import { startOutscale } from "./start.ts";

/** For real tools: an object store stands beside it, and everything settles after a second. */
export const standalone: Standalone = {
  about: "Outscale API: images, snapshots, tags, export tasks, VMs, volumes, and an object store",
  options: { "store-port": { type: "string" }, bucket: { type: "string" }, region: { type: "string" } },
  usage: [
    "--store-port PORT     where the object store listens (default: any free port)",
    "--bucket NAME         a bucket that is in it from the start (default: images)",
    "--region NAME         the Region (default: eu-west-2)",
    "OSC_ACCESS_KEY and OSC_SECRET_KEY are the keys of the account; without them, new ones are made and told.",
  ],
  async start({ host, port }, values: Values): Promise<Running> {
    const key = keyOf(process.env["OSC_ACCESS_KEY"], process.env["OSC_SECRET_KEY"]);
    const bucket = typeof values["bucket"] === "string" ? values["bucket"] : "images";
    await using stack = new AsyncDisposableStack();
    const store = stack.use(
      await startObjectStore({ host, port: Number(values["store-port"] ?? 0), keys: [key], buckets: [bucket] }),
    );
    const emulator = stack.use(
      await startOutscale({
        host,
        port,
        ...key,
        ...(typeof values["region"] === "string" ? { region: values["region"] } : {}),
        pace: { ms: 1000 },
        store,
      }),
    );
    const owned = stack.move();
    const { seeded } = emulator.control;
    return {
      url: emulator.url,
      notes: {
        endpoint: `${emulator.url}/api/v1`,
        access_key: key.accessKey,
        ...(key.isNew ? { secret_key: key.secretKey } : {}),
        login: emulator.accounts[0].email,
        password: emulator.accounts[0].password,
        bucket_endpoint: store.endpoint,
        bucket,
        vm: seeded.vm,
        volume: seeded.freeVolume,
        snapshot: seeded.snapshot,
        image: seeded.publicImages[0],
      },
      [Symbol.asyncDispose]: async () => await owned.disposeAsync(),
    };
  },
};

/** Keys of the right lengths: some clients refuse others. */
function keyOf(accessKey: string | undefined, secretKey: string | undefined) {
  if (accessKey !== undefined && secretKey !== undefined) return { accessKey, secretKey, isNew: false };
  return {
    accessKey: randomBytes(10).toString("hex").toUpperCase(),
    secretKey: randomBytes(20).toString("hex").toUpperCase(),
    isNew: true,
  };
}
