import { type Context, type Desired, type Digest, Failure, hexOf, nameOf, type Pull } from "images";
import type { Glance } from "./glance.ts";
import { digestsOf } from "./image.ts";
import type { OsImage } from "./schema.ts";
import { untilActive } from "./upload.ts";
import type { GlanceAnswer } from "./wire.ts";

// Bytes that Glance fetches, or imports, by itself.

/** Seconds that Glance may take to fetch a URL before the bytes are sent through here. */
const PATIENCE = 1800;

/** What Glance keeps a digest of: nothing else can be compared with what it fetched. */
const KEPT = new Set(["md5", "sha512"]);

/** Whether Glance is to fetch the source by itself. What has a checksum that Glance does not know goes through here. */
export function pulls(
  { web_download, disk_format }: Desired<OsImage>,
  digest: Digest | undefined,
): { readonly verified: boolean; readonly why?: string } | undefined {
  if (!web_download || disk_format === undefined) return undefined;
  if (digest === undefined) return { verified: false, why: "Glance fetches it, and it has no checksum" };
  return KEPT.has(nameOf(digest)) ? { verified: true } : undefined;
}

/** Lets Glance fetch the first of the URLs that it can. Undefined: it cannot, and has reported why in a note. */
export async function fetched(
  glance: Glance,
  id: string,
  { urls, digest }: Pull,
  { stores, disk_format }: Pick<Desired<OsImage>, "stores" | "disk_format">,
  context: Context,
  patience = PATIENCE,
): Promise<GlanceAnswer | undefined> {
  const { signal, note, progress } = context;
  if (!(await glance.methods(signal)).includes("web-download")) {
    note("this Glance does not support web_download: the bytes go through this host");
    return undefined;
  }
  for (const uri of urls) {
    try {
      progress("import", 0);
      await glance.import(id, { name: "web-download", uri }, importing(stores), signal);
      const made = await untilActive(glance, id, context, patience);
      if (disk_format === undefined || made.disk_format === disk_format) return proven(made, digest);
      note(`the cloud converted the image to ${made.disk_format}, so that its bytes cannot be compared`);
      // Nothing proves them then: where a checksum is declared, it is verified on the way through here.
      return digest === undefined ? made : undefined;
    } catch (thrown) {
      if (signal.aborted || !(thrown instanceof Failure) || thrown.code === "source.digest") throw thrown;
      note(`Glance did not fetch ${new URL(uri).host}: ${thrown.message}`);
    }
  }
  return undefined;
}

export const importing = (stores: readonly string[] | undefined) =>
  stores === undefined || stores.length === 0 ? {} : { stores, all_stores_must_succeed: true };

/** @throws Failure source.digest */
function proven(made: GlanceAnswer, digest: Digest | undefined): GlanceAnswer {
  if (digest === undefined) return made;
  const got = Object.values(digestsOf(made)).find((one) => one !== undefined && nameOf(one) === nameOf(digest));
  if (got === digest) return made;
  throw new Failure(
    "source.digest",
    got === undefined
      ? `Glance does not report the ${nameOf(digest)} of the fetched bytes`
      : `checksum mismatch of the bytes that Glance fetched: expected ${nameOf(got)} ${hexOf(digest)}, got ${hexOf(got)}`,
    { hint: "check the checksum; without web_download the bytes go through this host and are verified" },
  );
}
