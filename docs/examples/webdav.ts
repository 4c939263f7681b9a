// Images as files on a server that takes PUT and DELETE, with a JSON record beside each; `?records` lists all records at once.
import type { Attributes, Context, Marker, Observed } from "images";
import * as images from "images";

const { computed, definePlugin, Failure, imageId, optional, required, setOf, string } = images;

const config = {
  url: required(string(), "The directory of the images, with a trailing slash."),
  token: optional(string(), "Sent as a bearer token.", { sensitive: true }),
};
const image = {
  title: optional(string(), "Shown in listings.", { unset: "" }),
  tags: optional(setOf(string()), "Labels without a value.", { unset: [] }),
  checksum: computed(string(), "sha256 of the bytes."),
};

type Kept = { readonly id: string; readonly marker?: Marker; readonly attributes: Attributes };
const isRecord = (value: unknown): value is Kept => images.isTable(value) && images.isTable(value["attributes"]);

/** A record as the server gives it back. */
function observed(kept: unknown): Observed<typeof image> {
  if (!isRecord(kept)) throw new Failure("backend.answer", "this is no record of ours");
  const { id, marker, attributes } = kept;
  const sha256 = images.digest("sha256", String(attributes["checksum"]));
  return { id: imageId(id), name: id, ...(marker && { marker }), attributes, digests: { sha256 } };
}

export default definePlugin({
  api: 1,
  name: "webdav",
  doc: "Files on a web server.",
  config,
  image,
  bytes: () => ({ formats: "any", compressions: "any" }),
  async open({ url, token }, host) {
    const web = host.http({ url, headers: token === undefined ? {} : { Authorization: `Bearer ${token}` } });
    const record = (id: string) => `${encodeURIComponent(id)}.json`;
    const keep = async (id: string, attributes: Attributes, context: Context) => {
      const marker = context.marker(id);
      const kept = { id, ...(marker && { marker }), attributes };
      await web.send("PUT", record(id), { signal: context.signal, json: kept });
      return observed(kept);
    };
    const list = async function* (signal: AbortSignal) {
      const records = await web.json("GET", "", { signal, query: { records: true } });
      for (const one of Array.isArray(records) ? records : []) yield observed(one);
    };
    return {
      async read({ address, id }, { signal }) {
        if (id !== undefined) {
          const kept = await web.find("GET", record(id), { signal });
          return kept === undefined ? undefined : observed(kept);
        }
        // Ours, by its own marker: of this file and this address, and not copied from another image.
        for await (const one of list(signal))
          if (one.marker?.self === one.id && one.marker.owner === address && one.marker.file === host.file) return one;
        return undefined;
      },
      list: ({ signal }) => list(signal),
      async create(want, source, context) {
        if (source === undefined) throw new Failure("backend.refused", "give the image a source");
        const id = imageId(`${images.imageOf(context.address)}-${crypto.randomUUID().slice(0, 8)}`);
        await context.identified(id);
        await web.send("PUT", encodeURIComponent(id), { signal: context.signal, source, progress: context.progress });
        const { sha256 = "" } = await source.digests();
        return await keep(id, { ...want, checksum: sha256.slice("sha256:".length) }, context);
      },
      update: ({ id, attributes }, want, _, context) =>
        keep(id, { ...want, checksum: attributes.checksum ?? "" }, context),
      async delete(id, { signal }) {
        for (const path of [record(id), encodeURIComponent(id)]) await web.find("DELETE", path, { signal });
      },
      [Symbol.asyncDispose]: () => web[Symbol.asyncDispose](),
    };
  },
});
