/**
 * The object store as a process of its own: s3rver, an S3 server for tests, which checks signatures of both versions in
 * headers and in pre-signed URLs. Two things are added to it, because the real store has them: unsigned requests are
 * refused, and multipart uploads can be listed and aborted. Its settings come as the first line of standard input; it
 * tells its port as a line of JSON, and ends when standard input does.
 */
import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import S3rver, { type Context } from "@20minutes/s3rver";
import accounts from "@20minutes/s3rver/lib/models/account.js";
import S3Error from "@20minutes/s3rver/lib/models/error.js";
import type { ServerSettings } from "./bucket.ts";

async function main(): Promise<void> {
  const input = createInterface(process.stdin);
  const [line = "{}"] = await new Promise<string[]>((resolve) => input.once("line", (...lines) => resolve(lines)));
  const { host, port, directory, buckets, keys }: ServerSettings = JSON.parse(line);
  input.once("close", () => process.exit());
  accounts.DUMMY_ACCOUNT.revokeAccessKey("S3RVER");
  for (const { accessKey, secretKey } of keys) accounts.DUMMY_ACCOUNT.createKeyPair(accessKey, secretKey);
  const server = new S3rver({
    address: host,
    port,
    directory,
    silent: true,
    vhostBuckets: false,
    configureBuckets: buckets.map((name) => ({ name })),
  });
  // Its own way takes empty directories away as well, and fails where two objects of one directory go at the same time.
  server.store.deleteObject = async (bucket, key) => {
    for (const kept of ["object", "object.md5", "metadata.json"])
      await rm(server.store.getResourcePath(bucket, key, kept), { force: true });
  };
  server.middleware.unshift(refuseUnsigned);
  // Right before its router, so that what is answered here becomes XML like the rest.
  server.middleware.splice(-1, 0, addUploads);
  console.log(JSON.stringify({ port: (await server.run()).port }));
}

async function refuseUnsigned({ headers, query }: Context, next: () => Promise<void>): Promise<void> {
  const isSigned = headers["authorization"] !== undefined || "X-Amz-Signature" in query || "Signature" in query;
  if (!isSigned) throw new S3Error("AccessDenied", "Access Denied");
  await next();
}

/** Takes over where s3rver, having checked the signature, says that it does not know how, or fails. */
async function addUploads(context: Context, next: () => Promise<void>): Promise<void> {
  try {
    await next();
  } catch (error) {
    // Of an upload that is no more it says an internal error.
    const isUnknown =
      error instanceof S3Error
        ? ["MethodNotAllowed", "NotImplemented"].includes(error.code)
        : context.query["uploadId"] !== undefined;
    if (!isUnknown || !(await uploads(context))) throw error;
  }
}

/** Whether it was a request about unfinished uploads. */
async function uploads(context: Context): Promise<boolean> {
  const { method, query } = context;
  const bucket = decodeURIComponent(context.path).split("/")[1] ?? "";
  const directory = context.store.getResourcePath(bucket, undefined, "uploads");
  if (method === "GET" && "uploads" in query) {
    context.status = 200;
    context.body = {
      ListMultipartUploadsResult: { Bucket: bucket, Upload: await listed(directory), IsTruncated: false },
    };
    return true;
  }
  const id = query["uploadId"] ?? "";
  if (!/^[0-9a-f]{32}$/.test(id)) return false;
  if ((await stat(join(directory, id)).catch(() => undefined)) === undefined) {
    throw new S3Error("NoSuchUpload", "The specified multipart upload does not exist.");
  }
  if (method !== "DELETE") return false;
  await rm(join(directory, id), { recursive: true });
  context.status = 204;
  context.body = null;
  return true;
}

async function listed(directory: string): Promise<readonly object[]> {
  const ids = await readdir(directory).catch(() => []);
  return await Promise.all(
    ids.map(async (UploadId) => ({
      Key: await readFile(join(directory, UploadId, "key"), "utf8"),
      UploadId,
      Initiated: (await stat(join(directory, UploadId, "key"))).mtime.toISOString(),
    })),
  );
}

await main();
