import { resolve } from "node:path";
import { type ByteRequirements, type Desired, definePlugin, imageOf, seconds } from "images";
import { StoreBackend } from "./backend.ts";
import { DirectoryStore } from "./directory.ts";
import { config, image, type LocalImage, starter } from "./schema.ts";

export const wanted = ({ format, compression }: Desired<LocalImage>): ByteRequirements => ({
  formats: format === undefined ? "any" : [format],
  compressions: compression === undefined ? "any" : [compression],
});

export const local = definePlugin({
  api: 1,
  name: "local",
  doc: "A directory that any web server can serve: a mirror, an air-gap bundle, a remote for Incus.",
  config,
  image,
  starter,
  bytes: wanted,
  smallAtOnce: 32,
  names: (want, address) => [want.name ?? imageOf(address), ...(want.aliases ?? [])],
  async open({ path, grace, url }, host) {
    return new StoreBackend(
      new DirectoryStore(resolve(host.directory, path), (seconds(grace) ?? 0) * 1000),
      host.file,
      url,
    );
  },
});
