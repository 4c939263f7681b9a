import { createHash } from "node:crypto";
import type { Heard } from "./keystone.ts";

type Image = Record<string, unknown>;

/** As much of Glance as the making of an image needs. Its own imports never come to anything. */
export class Glance {
  readonly images = new Map<string, Image>();
  /** Ids that were given once: Glance keeps those of deleted images. */
  readonly spent = new Set<string>();
  /** Members of images, by image: project and status. */
  readonly members = new Map<string, Map<string, string>>();
  /** Whether the task of an import says that it failed, while the image stays as it was. */
  tells = true;
  /** The format that an import turns images into. */
  converts: string | undefined;
  /** Whether it is as old as not to know of sha512. */
  isOld = false;
  /** Whether it stores other bytes than it gets. */
  isBroken = false;
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
    if (part === "import" && this.converts !== undefined)
      Object.assign(image, {
        status: "active",
        disk_format: this.converts,
        os_hash_algo: "sha512",
        os_hash_value: "0",
      });
    else if (part === "import") image["status"] = "importing";
    else if (part === "file") {
      const bytes = Buffer.from(body, "latin1");
      const stored = this.isBroken ? Buffer.concat([bytes.subarray(1), Buffer.from("x")]) : bytes;
      const of = (algorithm: string) => createHash(algorithm).update(stored).digest("hex");
      const newer = this.isOld ? {} : { os_hash_algo: "sha512", os_hash_value: of("sha512") };
      const sums = { checksum: of("md5"), ...newer };
      Object.assign(image, { status: "active", size: bytes.length, ...sums });
    } else if (part === "actions/deactivate") image["status"] = "deactivated";
    else if (part === "actions/reactivate") image["status"] = "active";
    else if (part?.startsWith("members")) return this.#membersOf(image, part.slice("members/".length), heard);
    else if (method === "DELETE") return this.#remove(id, image);
    else if (method === "PATCH") return this.#change(image, JSON.parse(body));
    else return Response.json(image);
    return new Response(null, { status: part === "import" ? 202 : 204 });
  };

  #begin(fields: Image): Response {
    const image = {
      status: "queued",
      owner: "p1",
      os_hidden: false,
      tags: [],
      min_disk: 0,
      min_ram: 0,
      protected: false,
      ...fields,
    };
    const id = String(fields["id"]);
    if (this.spent.has(id) || this.images.has(id))
      return new Response(`Image ID ${id} already exists!`, { status: 409 });
    this.spent.add(id);
    this.images.set(id, image);
    return Response.json(image, { status: 201 });
  }

  #remove(id: string, image: Image): Response {
    if (image["protected"] === true)
      return Response.json({ message: `Image ${id} is protected and cannot be deleted.` }, { status: 403 });
    this.images.delete(id);
    return new Response(null, { status: 204 });
  }

  #change(image: Image, operations: readonly { op: string; path: string; value: unknown }[]): Response {
    for (const { op, path, value } of operations) {
      const key = path.slice(1).replaceAll("~1", "/").replaceAll("~0", "~");
      if (op === "remove") delete image[key];
      else image[key] = value;
    }
    return Response.json(image);
  }

  /** As Glance has it: of an image that is not shared, the members are not even told. */
  #membersOf(image: Image, member: string, { method, body }: Heard): Response {
    if (image["visibility"] !== "shared")
      return Response.json({ message: "Only shared images have members." }, { status: 403 });
    const all = this.members.get(String(image["id"])) ?? new Map<string, string>();
    this.members.set(String(image["id"]), all);
    if (method === "POST") all.set(JSON.parse(body).member, "pending");
    if (method === "PUT") all.set(member, JSON.parse(body).status);
    if (method === "DELETE") all.delete(member);
    const members = [...all].map(([member_id, status]) => ({ member_id, status }));
    return method === "DELETE" ? new Response(null, { status: 204 }) : Response.json({ members });
  }

  #list({ query }: Heard): Response {
    const isHidden = query.get("os_hidden") === "true";
    const wanted = [...query].filter(([key]) => key === "owner" || key.startsWith("images_"));
    const all = [...this.images.values()].filter(
      (image) =>
        (image["os_hidden"] ?? false) === isHidden && wanted.every(([key, value]) => (image[key] ?? value) === value),
    );
    const from = all.findIndex(({ id }) => id === query.get("marker")) + 1;
    const images = all.slice(from, from + Math.min(this.page, Number(query.get("limit") ?? this.page)));
    const last = images.at(-1)?.["id"];
    query.set("marker", String(last));
    const isMore = from + images.length < all.length;
    return Response.json({ images, ...(isMore ? { next: `/v2/images?${query}` } : {}) });
  }
}
