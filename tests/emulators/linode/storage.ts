import { createHmac, timingSafeEqual } from "node:crypto";
import type { RequestLog } from "../kit/log.ts";
import type { Planned } from "../kit/planned.ts";
import { type Fault, storageError, storageFault } from "./faults.ts";
import { makeAvailable } from "./images.ts";
import { drain, receive } from "./receive.ts";
import type { Received, Upload, World } from "./world.ts";

const bucket = "linode-production-machine-images-uploads";
const contentType = "application/octet-stream";
const megabyte = 1024 * 1024;

/** The object storage that upload URLs lead to. It knows no tokens: the signature in the query is what lets in. */
export class Storage {
  readonly #world: World;
  readonly #log: RequestLog;
  readonly #faults: Planned<Fault>;
  readonly #key = crypto.randomUUID();

  constructor(world: World, log: RequestLog, faults: Planned<Fault>) {
    this.#world = world;
    this.#log = log;
    this.#faults = faults;
  }

  /** The path and query that take the bytes of an upload, signed until it expires. */
  signedPath(number: number): string {
    const seconds = Math.floor((this.#world.uploads.get(number)?.expires ?? 0) / 1000);
    const query = new URLSearchParams({
      Signature: this.#sign(String(number), seconds, contentType),
      Expires: String(seconds),
      AWSAccessKeyID: "EMULATED",
    });
    return `/${bucket}/${number}?${query}`;
  }

  /** Answers one request. A refused body is read to its end, so that the client gets to see why. */
  async answer(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const fault = this.#faults.take("uploads", request.method, url.pathname);
    const response = (await this.#planned(request, fault)) ?? (await this.#store(request, url));
    this.#log.add({
      server: "uploads",
      method: request.method,
      path: url.pathname,
      query: url.search,
      headers: Object.fromEntries(request.headers),
      body: undefined,
      operation: undefined,
      status: fault?.kind === "dropped" || fault?.kind === "lost-answer" ? 0 : response.status,
      fault: fault?.kind,
    });
    return fault?.kind === "lost-answer" ? storageFault(fault) : response;
  }

  async #planned(request: Request, fault: Fault | undefined): Promise<Response | undefined> {
    if (fault === undefined || fault.kind === "lost-answer") return undefined;
    await drain(request, fault.kind === "dropped" ? (fault.afterBytes ?? 0) : undefined);
    return storageFault(fault);
  }

  async #store(request: Request, url: URL): Promise<Response> {
    const upload = this.#world.uploads.get(Number(url.pathname.slice(bucket.length + 2)));
    const refused = this.#refusal(request, url, upload);
    if (refused !== undefined || upload === undefined) {
      await drain(request);
      return refused ?? storageError(404, "NoSuchKey");
    }
    const received = await receive(request, upload.image, this.#world.limits.raw * megabyte);
    this.#world.received.push(received);
    if (!received.isWhole) return storageError(400, "IncompleteBody");
    imageFrom(this.#world, upload, received);
    return new Response(null, {
      status: 200,
      headers: { etag: `"${this.#world.wrongDigest ? "0".repeat(32) : received.md5}"` },
    });
  }

  #refusal(request: Request, url: URL, upload: Upload | undefined): Response | undefined {
    if (request.method !== "PUT") return storageError(405, "MethodNotAllowed");
    if (!url.pathname.startsWith(`/${bucket}/`) || upload === undefined) return storageError(403, "AccessDenied");
    if (request.headers.has("authorization")) {
      return storageError(400, "InvalidArgument", "Only one auth mechanism allowed");
    }
    const seconds = Number(url.searchParams.get("Expires"));
    const type = request.headers.get("content-type") ?? "";
    const signature = Buffer.from(url.searchParams.get("Signature") ?? "");
    const wanted = Buffer.from(this.#sign(String(upload.number), seconds, type));
    if (signature.length !== wanted.length || !timingSafeEqual(signature, wanted)) {
      return storageError(403, "SignatureDoesNotMatch");
    }
    const ends = Math.min(seconds * 1000, upload.expires);
    if (this.#world.now() >= ends) return storageError(403, "AccessDenied", "Request has expired");
    if (!upload.isOpen) return storageError(403, "AccessDenied");
    const isChunked = !request.headers.has("content-length");
    return this.#world.wantsLength && isChunked ? storageError(411, "MissingContentLength") : undefined;
  }

  /** A signature of version 2, in a query: the type of the content is signed with it. */
  #sign(key: string, expires: number, type: string): string {
    return createHmac("sha1", this.#key).update(`PUT\n\n${type}\n${expires}\n/${bucket}/${key}`).digest("base64");
  }
}

/** Deletes the containers of uploads whose day is over, as the API does by itself. */
export function expireUploads(world: World): void {
  for (const upload of world.uploads.values()) {
    if (!upload.isOpen || upload.isKept || world.now() < upload.expires) continue;
    if (world.progress.isBusy(upload.image)) continue;
    upload.isOpen = false;
    if (world.images.get(upload.image)?.status !== "pending_upload") continue;
    world.removeImage(upload.image);
    world.changeEvent(upload.event, "failed", "Upload window expired");
  }
}

/** Begins to make an image of what was received; a later upload of the same image takes the place of this one. */
function imageFrom(world: World, upload: Upload, received: Received): void {
  if (world.images.get(upload.image)?.status !== "pending_upload") return;
  world.progress.forget(upload.image);
  world.changeEvent(upload.event, "started");
  world.progress.begin(upload.image, world.pace, () => {
    const planned = world.uploadFailures.shift();
    const isTooLarge = received.bytes > world.limits.compressed;
    if (planned === undefined && received.raw !== undefined && !isTooLarge) {
      const cloudInit = world.images.get(upload.image)?.capabilities.includes("cloud-init") ?? false;
      const size = Math.max(1, Math.ceil(received.raw.bytes / megabyte));
      makeAvailable(world, upload.image, size, upload.region, cloudInit);
      upload.isOpen = false;
      world.changeEvent(upload.event, "finished");
      return;
    }
    if (planned?.leaves !== true) world.removeImage(upload.image);
    world.changeEvent(upload.event, "failed", planned?.message ?? "Failed to decompress image");
  });
}
