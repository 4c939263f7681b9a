// A cloud that works in jobs: an upload is a job, and the image has an id only when that job has ended.
import type { Address, Desired, Marker, Observed, ReadContext, Reported } from "images";
import * as images from "images";

const { computed, definePlugin, Failure, imageId, integer, mapOf, optional, required, string } = images;

const config = {
  url: required(string(), "The address of the API."),
  token: required(string(), "An API token.", { sensitive: true }),
};
const image = {
  // A default that is the image's own name is not in the schema, which knows no image: `ownName` says so, and `nameOf` does it.
  name: optional(string(), "Its name, which need not be unique. Default: the image's own name.", { ownName: true }),
  description: optional(string(), "Description.", { unset: "" }),
  labels: optional(mapOf(string()), "Labels; others on the image are left alone."),
  size_bytes: computed(integer(), "Bytes."),
};
type Want = Desired<typeof image>;
type Seen = Observed<typeof image>;

const nameOf = (want: Want, address: Address): string => want.name ?? images.imageOf(address);

/** The marker is in labels of its own, which are shown nowhere. */
const PREFIX = "images-";
const marked = (marker: Marker | undefined) =>
  Object.fromEntries(
    marker === undefined ? [] : images.markerFields(marker).map(([field, text]) => [PREFIX + field, text]),
  );

/** What the API calls an image or a job, as the program knows it. A job has the prefix `job:` in its id. */
function observed(answer: unknown, prefix = ""): Seen {
  if (!images.isTable(answer)) throw new Failure("backend.answer", "expected an image or a job");
  const all = Object.entries(images.isTable(answer["labels"]) ? answer["labels"] : {});
  const labels = Object.fromEntries(all.map(([key, value]) => [key, String(value)]));
  const marker = images.markerFromFields((field) => labels[PREFIX + field]);
  const own = Object.fromEntries(Object.entries(labels).filter(([key]) => !key.startsWith(PREFIX)));
  const size = answer["size"];
  const attributes: Reported<typeof image> = {
    name: String(answer["name"]),
    description: String(answer["description"] ?? ""),
    labels: own,
    ...(typeof size === "number" && { size_bytes: size }),
  };
  const status = prefix === "" ? "ready" : answer["state"] === "failed" ? "failed" : "pending";
  return {
    id: imageId(`${prefix}${answer["id"]}`),
    name: String(answer["name"]),
    ...(marker && { marker }),
    attributes,
    status,
  };
}

const jobOf = (id: string): string | undefined => (id.startsWith("job:") ? id.slice("job:".length) : undefined);
const path = (kind: "jobs" | "images", id: string): string => `${kind}/${encodeURIComponent(id)}`;

export default definePlugin({
  api: 1,
  name: "jobs",
  doc: "Images of a cloud that works in jobs.",
  config,
  image,
  bytes: () => ({ formats: ["qcow2", "raw"], compressions: ["none"] }),
  // Several images may have this name: `labels`, not `names`, which are for what the backend has only once.
  labels: (want, address) => [nameOf(want, address)],
  timeout: 3600,
  async open({ url, token }, host) {
    const api = host.http({ url, headers: { Authorization: `Bearer ${token}` }, credentials: "`token`" });
    // All pages of the images, and jobs that have not ended: a job whose answer was lost is found by its marker.
    const list = async function* (signal: AbortSignal): AsyncIterable<Seen> {
      for (let page: unknown = 1; page !== undefined; ) {
        const answer = await api.json("GET", "images", { signal, query: { page: String(page) } });
        if (!images.isTable(answer) || !Array.isArray(answer["images"]))
          throw new Failure("backend.answer", "expected images");
        for (const one of answer["images"]) yield observed(one);
        page = answer["next"];
      }
      const jobs = await api.json("GET", "jobs", { signal });
      for (const one of Array.isArray(jobs) ? jobs : []) yield observed(one, "job:");
    };
    /** The image of a job once it has ended. @throws Failure where the job failed */
    const ended = (
      job: string,
      context: Pick<ReadContext, "signal"> & { progress?(done: number): void },
    ): Promise<string> =>
      images.poll(
        async () => {
          const answer = await api.json("GET", path("jobs", job), { signal: context.signal });
          if (!images.isTable(answer)) throw new Failure("backend.answer", "expected a job");
          if (answer["state"] === "failed")
            throw new Failure("backend.failed", `the job ${job} failed: ${answer["error"]}`);
          context.progress?.(Number(answer["percent"]));
          return answer["state"] === "done" ? String(answer["image"]) : undefined;
        },
        { signal: context.signal, interval: 0.2, what: `the job ${job} to end` },
      );
    const get = async (id: string, signal: AbortSignal): Promise<Seen | undefined> => {
      const job = jobOf(id);
      const answer = await api.find("GET", job === undefined ? path("images", id) : path("jobs", job), { signal });
      if (answer === undefined || job === undefined) return answer === undefined ? undefined : observed(answer);
      const isDone = images.isTable(answer) && answer["state"] === "done";
      return isDone ? await get(String(answer["image"]), signal) : observed(answer, "job:");
    };
    const remove = async (id: string, signal: AbortSignal): Promise<void> => {
      const job = await api.find("DELETE", path("images", id), { signal });
      if (images.isTable(job)) await ended(String(job["id"]), { signal });
    };
    return {
      async read({ address, id, nonce }, { signal }) {
        if (id !== undefined) return await get(id, signal);
        // Without an id: an image whose marker is of this file and address, and its own.
        for await (const one of list(signal)) {
          const { marker } = one;
          const isIts = marker?.self === one.id || (nonce !== undefined && marker?.self === `~${nonce}`);
          if (isIts && marker?.owner === address && marker.file === host.file) return one;
        }
        return undefined;
      },
      list: ({ signal }) => list(signal),
      async create(want, source, context) {
        if (source === undefined) throw new Failure("backend.refused", "an image is made from a source");
        const { address, nonce, signal } = context;
        const { description = "", labels = {} } = want;
        const begun = await api.json("POST", "jobs", {
          signal,
          json: {
            name: nameOf(want, address),
            description,
            labels: { ...labels, ...marked(context.marker(`~${nonce}`)) },
          },
        });
        if (!images.isTable(begun)) throw new Failure("backend.answer", "expected a job");
        const job = String(begun["id"]);
        // The id of the image comes last: until then the job is what this run made, and what the next one finds.
        await context.identified(imageId(`job:${job}`));
        await api.send("PUT", `${path("jobs", job)}/data`, { signal, source, progress: context.progress });
        const id = await ended(job, { signal, progress: (done) => context.progress("import", done, 100) });
        await context.identified(imageId(id));
        context.completed();
        // Now the marker can say whose it is: the last call of a creation.
        const all = { ...labels, ...marked(context.marker(id)) };
        return observed(await api.json("PATCH", path("images", id), { signal, json: { labels: all } }));
      },
      async update({ id, attributes: have }, want, cleared, { address, marker, signal }) {
        const kept = Object.entries(have.labels ?? {}).filter(([key]) => !cleared.includes(`labels.${key}`));
        const name = cleared.includes("name") ? nameOf({}, address) : (want.name ?? have.name);
        const description = want.description ?? (cleared.includes("description") ? "" : have.description);
        const labels = { ...Object.fromEntries(kept), ...want.labels, ...marked(marker(id)) };
        return observed(await api.json("PATCH", path("images", id), { signal, json: { name, description, labels } }));
      },
      async delete(id, { signal }) {
        const job = jobOf(id);
        if (job === undefined) return await remove(id, signal);
        // A job that ended meanwhile has an image.
        const seen = await get(id, signal);
        await api.find("DELETE", path("jobs", job), { signal });
        if (seen !== undefined && jobOf(seen.id) === undefined) await remove(seen.id, signal);
      },
      // The client is closed by the program.
      async [Symbol.asyncDispose]() {},
    };
  },
});
