import type { Running, Standalone, Values } from "../kit/standalone.ts";
import { startLinode } from "./start.ts";

/** For real tools: a running instance with a disk is in it, and images become available after a second. */
export const standalone: Standalone = {
  about: "Linode API v4: images, uploads, replicas, disks, regions, events",
  options: { token: { type: "string" }, "uploads-port": { type: "string" }, limit: { type: "boolean" } },
  usage: [
    "--token TOKEN         the only token that is accepted (default: any bearer token)",
    "--uploads-port PORT   where the bytes of images go (default: any free port)",
    "--limit               keep the limits of requests a minute",
  ],
  async start({ host, port }, values: Values): Promise<Running> {
    const { token, limit } = values;
    const uploadsPort = Number(values["uploads-port"] ?? 0);
    const emulator = await startLinode({
      host,
      port,
      uploadsPort,
      pace: { ms: 1000 },
      isLimiting: limit === true,
      ...(typeof token === "string" && { token }),
    });
    const { id, disks } = emulator.control.addInstance({ label: "emulated", region: "us-ord" });
    return {
      url: emulator.url,
      notes: {
        uploads: emulator.uploadsUrl,
        token: token === undefined ? "any bearer token" : "the one of --token",
        instance: id,
        disks,
        region: "us-ord",
      },
      async [Symbol.asyncDispose]() {
        await emulator[Symbol.asyncDispose]();
      },
    };
  },
};
