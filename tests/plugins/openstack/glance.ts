import { createHash } from "node:crypto";
import type { Heard } from "./keystone.ts";

type Image = Record<string, unknown>;

/** As much of Glance as the making of an image needs. Its own imports never come to anything. */
export class Glance {
  readonly images = new Map<string, Image>();
  /** Whether the task of an import says that it failed, while the image stays as it was. */
  tells = true;
  /** Images of a page at most. */
  page = 1000;

  readonly answer = (heard: Heard): Response => {
    const { method, path, body } = heard;
    const [, id, part] = /\/v2\/images(?:\/([^/]+)(?:\/(.*))?)?$/.exec(path) ?? [];
    if (path.endsWith("/info/import")) return Response.json({ "import-methods": { value: ["web-download"] } });
    if (id === undefined) return method === "GET" ? this.#list(heard) : this.#begin(JSON.parse(body));
    const image = this.images.get(id);
    if (image === undefined) return Response.json({ message: "no such image" }, { status: 404 });
    if (part === "tasks")
      return Response.json({ tasks: [{ status: this.tells ? "failure" : "processing", message: "no luck" }] });
    if (part === "import") image["status"] = "importing";
    else if (part === "file") {
      const bytes = Buffer.from(body, "latin1");
      const of = (algorithm: string) => createHash(algorithm).update(bytes).digest("hex");
      const sums = { checksum: of("md5"), os_hash_algo: "sha512", os_hash_value: of("sha512") };
      Object.assign(image, { status: "active", size: bytes.length, ...sums });
    } else if (method === "DELETE") this.images.delete(id);
    else return Response.json(image);
    return new Response(null, { status: part === "import" ? 202 : 204 });
  };

  #begin(fields: Image): Response {
    const image = { status: "queued", owner: "p1", tags: [], min_disk: 0, min_ram: 0, protected: false, ...fields };
    this.images.set(String(fields["id"]), image);
    return Response.json(image, { status: 201 });
  }

  #list({ query }: Heard): Response {
    const isHidden = query.get("os_hidden") === "true";
    const all = [...this.images.values()].filter(({ os_hidden = false }) => os_hidden === isHidden);
    const from = all.findIndex(({ id }) => id === query.get("marker")) + 1;
    const images = all.slice(from, from + Math.min(this.page, Number(query.get("limit") ?? this.page)));
    const last = images.at(-1)?.["id"];
    query.set("marker", String(last));
    const isMore = from + images.length < all.length;
    return Response.json({ images, ...(isMore ? { next: `/v2/images?${query}` } : {}) });
  }
}
