// What `images plugins test ./jobs.ts` asks the plugin beside it, and an emulator of the cloud: as much of it as the plugin uses.
import { defineConformance, emulate } from "images";

const TOKEN = "sentinel-token-4f1c9a";
const PAGE = 3;
type Kept = { id: string; name: string; description: string; labels: Record<string, string>; size: number };
type Job = Kept & { state: "waiting" | "running" | "done"; percent: number; image?: string };

function startCloud() {
  const kept = new Map<string, Kept>();
  const jobs = new Map<string, Job>();
  let next = 1;
  const none = () => Response.json({ error: "there is none" }, { status: 404 });

  /** A job goes on each time that it is looked at. */
  function looked(job: Job): Response {
    if (job.state === "running" && job.percent === 100) {
      job.state = "done";
      if (job.name !== "") {
        // The id comes last.
        const { name, description, labels, size } = job;
        job.image = `i${next++}`;
        kept.set(job.image, { id: job.image, name, description, labels, size });
      }
    }
    if (job.state === "running") job.percent = 100;
    return Response.json(job);
  }

  const server = emulate(async (request) => {
    if (request.headers.get("authorization") !== `Bearer ${TOKEN}`)
      return Response.json({ error: "unknown token" }, { status: 401 });
    const { pathname, searchParams } = new URL(request.url);
    const [kind = "", id = "", data] = pathname.slice(1).split("/").map(decodeURIComponent);
    const [job, image] = [jobs.get(id), kept.get(id)];
    switch (`${request.method} ${kind}${id === "" ? "" : "/ID"}${data === undefined ? "" : "/data"}`) {
      case "GET images": {
        const from = (Number(searchParams.get("page")) - 1) * PAGE;
        const all = [...kept.values()];
        const more = from + PAGE < all.length ? { next: from / PAGE + 2 } : {};
        return Response.json({ images: all.slice(from, from + PAGE), ...more });
      }
      case "GET images/ID":
        return image === undefined ? none() : Response.json(image);
      case "PATCH images/ID":
        return image === undefined ? none() : Response.json(Object.assign(image, await request.json()));
      case "DELETE images/ID": {
        if (!kept.delete(id)) return none();
        const gone: Job = {
          id: `j${next++}`,
          name: "",
          description: "",
          labels: {},
          size: 0,
          state: "running",
          percent: 0,
        };
        jobs.set(gone.id, gone);
        return Response.json(gone);
      }
      case "GET jobs":
        return Response.json([...jobs.values()].filter(({ state, name }) => state !== "done" && name !== ""));
      case "POST jobs": {
        const blank: Job = { id: "", name: "", description: "", labels: {}, size: 0, state: "waiting", percent: 0 };
        const made: Job = Object.assign(blank, await request.json(), { id: `j${next++}` });
        jobs.set(made.id, made);
        return Response.json(made);
      }
      case "GET jobs/ID":
        return job === undefined ? none() : looked(job);
      case "DELETE jobs/ID":
        return jobs.delete(id) ? new Response(undefined, { status: 204 }) : none();
      case "PUT jobs/ID/data": {
        if (job === undefined) return none();
        job.size = (await request.arrayBuffer()).byteLength;
        job.state = "running";
        return new Response(undefined, { status: 204 });
      }
      default:
        return none();
    }
  });
  const resources = () => kept.size + [...jobs.values()].filter(({ state }) => state !== "done").length;
  return { ...server, kept, resources };
}

export default defineConformance({
  bytes: new TextEncoder().encode("a small image\n".repeat(1000)),
  otherBytes: new TextEncoder().encode("another small image\n".repeat(1000)),
  small: {},
  lives: {
    name: { set: "first", change: "zweiter äö" },
    description: { set: "one", change: "two\nlines" },
    labels: { set: { a: "1", b: "2" }, change: { a: "3" } },
  },
  page: PAGE + 1,
  place: async () => {
    const cloud = startCloud();
    const settings = { url: cloud.url, token: "env:JOBS_TOKEN" };
    return {
      settings,
      env: { JOBS_TOKEN: TOKEN },
      bad: { settings, env: { JOBS_TOKEN: "sentinel-wrong-77ab" } },
      // Somebody else's image, with the name that ours would have.
      plant: async () => {
        cloud.kept.set("i0", { id: "i0", name: "small", description: "foreign", labels: { team: "b" }, size: 1 });
        return "i0";
      },
      meddle: async (id) => {
        Object.assign(cloud.kept.get(id) ?? {}, { description: "meddled with" });
        return "description";
      },
      scribble: async (id, text) => {
        const image = cloud.kept.get(id);
        if (image !== undefined) image.labels = { ...image.labels, "images-self": text, "images-owner": text };
      },
      resources: cloud.resources,
      refuse: cloud.refuse,
      requests: cloud.requests,
      [Symbol.asyncDispose]: () => cloud[Symbol.asyncDispose](),
    };
  },
});
