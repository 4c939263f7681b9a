// A plugin of one's own: images as files on any server that takes PUT and DELETE, with a JSON record beside each.
import type { Attributes, Context, Mark, Observed } from "images";
import {
  computed,
  definePlugin,
  digest,
  Failure,
  imageId,
  imageOf,
  integer,
  isTable,
  optional,
  required,
  setOf,
  string,
} from "images";

const config = {
  url: required(string(), "The folder of the images, with a trailing slash."),
  token: optional(string(), "Sent as a bearer token.", { sensitive: true }),
};
const image = {
  title: optional(string(), "Shown in listings.", { unset: "" }),
  tags: optional(setOf(string()), "Labels without a value.", { unset: [] }),
  checksum: computed(string(), "sha256 of the bytes."),
  size_bytes: computed(integer(), "Bytes on the server."),
};
type Kept = { readonly id: string; readonly mark?: Mark; readonly attributes: Attributes };

const isKept = (value: unknown): value is Kept =>
  isTable(value) && typeof value["id"] === "string" && isTable(value["attributes"]);

function observed(kept: unknown): Observed<typeof image> {
  if (!isKept(kept)) throw new Failure("backend.answer", "a record on the server is not one of this plugin's");
  const { id, mark, attributes } = kept;
  const sum = String(attributes["checksum"]);
  return { id: imageId(id), name: id, ...(mark && { mark }), attributes, digests: { sha256: digest("sha256", sum) } };
}

export default definePlugin({
  api: 1,
  name: "webdav",
  doc: "Files on a web server.",
  config,
  image,
  bytes: () => ({ formats: "any", compressions: "any" }),
  async open({ url, token }, host) {
    const web = host.door({ url, headers: token === undefined ? {} : { Authorization: `Bearer ${token}` } });
    const record = (id: string) => `${encodeURIComponent(id)}.json`;
    const keep = async (id: string, attributes: Attributes, { mark, signal }: Context) => {
      const kept = { id, ...(mark && { mark }), attributes };
      await web.send("PUT", record(id), { signal, json: kept });
      return observed(kept);
    };
    const list = async function* (signal: AbortSignal) {
      const names = await web.json("GET", "", { signal });
      for (const name of Array.isArray(names) ? names : []) {
        const kept = String(name).endsWith(".json")
          ? await web.find("GET", encodeURIComponent(String(name)), { signal })
          : undefined;
        if (kept !== undefined) yield observed(kept);
      }
    };
    return {
      async read({ address, id }, { signal }) {
        const kept = id === undefined ? undefined : await web.find("GET", record(id), { signal });
        if (id !== undefined) return kept === undefined ? undefined : observed(kept);
        for await (const one of list(signal)) if (one.mark?.owner === address) return one;
        return undefined;
      },
      list: ({ signal }) => list(signal),
      async create(want, source, context) {
        if (source === undefined)
          throw new Failure("backend.refused", "there is nothing to upload", { hint: "give the image a source" });
        const id = imageId(`${imageOf(context.address)}-${crypto.randomUUID().slice(0, 8)}`);
        await context.identified(id);
        await web.send("PUT", encodeURIComponent(id), { signal: context.signal, source, progress: context.progress });
        const { sha256 = "" } = await source.digests();
        return await keep(
          id,
          { ...want, checksum: sha256.slice("sha256:".length), size_bytes: source.size ?? 0 },
          context,
        );
      },
      update: (have, want, _, context) =>
        keep(
          have.id,
          { ...want, checksum: have.attributes.checksum ?? "", size_bytes: have.attributes.size_bytes ?? 0 },
          context,
        ),
      async delete(id, { signal }) {
        for (const path of [record(id), encodeURIComponent(id)]) await web.find("DELETE", path, { signal });
      },
      [Symbol.asyncDispose]: () => web[Symbol.asyncDispose](),
    };
  },
});
