import { type Complaint, type Desired, definePlugin, hexOf } from "images";
import { declared } from "./aliases.ts";
import { Incus } from "./backend.ts";
import { wanted } from "./bytes.ts";
import { isFingerprint } from "./image.ts";
import { Places, scopeOf } from "./places.ts";
import { rules } from "./rules.ts";
import { config, type IncusImage, image, starter } from "./schema.ts";
import { Servers } from "./servers.ts";

const names = (want: Desired<IncusImage>): readonly string[] => {
  const scope = scopeOf(want);
  const { fingerprint } = want;
  const own = fingerprint?.length === 64 ? [fingerprint.toLowerCase()] : [];
  return [...declared(want).map(({ name }) => name), ...own].map((name) => `${scope}${name}`);
};

export const incus = definePlugin({
  api: 1,
  name: "incus",
  doc: "The images of an Incus server: imported, copied from remotes, published from instances.",
  config,
  image,
  starter,
  origins: [
    { name: "from an image of a remote (source_image)", needs: ["source_image"], follow: "follow", digest: true },
    { name: "from an image of a remote (source)", needs: ["source"], follow: "follow", digest: true },
    { name: "from an instance", needs: ["source_instance"], may: ["compression", "format", "force"] },
  ],
  originless: true,
  bytes: wanted,
  names,
  movesNames: true,
  // The same image of a remote is one image in a project, whatever aliases lead to it.
  physical: (want, { resolved, sent, format, beside, live }) => {
    // A file with everything in it, or two, are their own fingerprint; a bare disk gets metadata that no other has.
    const made = live ?? (format === "tar" || beside === true ? sent : undefined);
    const isOfRemote = resolved !== undefined && isFingerprint(resolved) && live === undefined;
    const fingerprint = isOfRemote ? resolved : made === undefined ? undefined : hexOf(made);
    return fingerprint === undefined ? undefined : `${scopeOf(want)}${fingerprint}`;
  },
  check: (want): readonly Complaint[] => rules(want),
  async open(settings, host) {
    const servers = new Servers(settings, host);
    return new Incus(servers, new Places(servers, settings.project, host.signal), host);
  },
});
