import { createHttpClient } from "../../../src/core/net/http.ts";
import { fileStorage } from "../../../src/core/store/file.ts";
import { httpStorage } from "../../../src/core/store/http/storage.ts";
import { parsePostgres } from "../../../src/core/store/postgres/location.ts";
import { postgresStorage } from "../../../src/core/store/postgres/storage.ts";
import { parseS3 } from "../../../src/core/store/s3/location.ts";
import { s3Storage } from "../../../src/core/store/s3/storage.ts";
import type { Storage } from "../../../src/core/store/storage.ts";
import { opened } from "../net/kit.ts";
import { AWS } from "./servers.ts";

/** The storage at a path or URL, as another process sees it; retries do not wait. */
export function openAt(
  place: string,
  onRequest: () => void = () => undefined,
): { readonly storage: Storage; readonly close: () => Promise<void> } {
  const env = { ...AWS, HOME: "/nonexistent", AWS_EC2_METADATA_DISABLED: "true" };
  if (place.startsWith("s3://")) {
    const { storage, close } = s3Storage(parseS3(place), {
      env,
      maskSecret: () => undefined,
      open: (options) => opened(options, { onRequest }).door,
    });
    return { storage, close: async () => await close[Symbol.asyncDispose]() };
  }
  if (place.startsWith("postgres://")) {
    const { storage, close } = postgresStorage(parsePostgres(place), {
      env,
      maskSecret: () => undefined,
      login: async () => ({ username: undefined, password: undefined }),
    });
    return { storage, close: async () => await close[Symbol.asyncDispose]() };
  }
  if (!place.startsWith("http://")) return { storage: fileStorage(place), close: async () => undefined };
  const http = createHttpClient(
    { url: place.replace("//", "//user:secret@") },
    { env: {}, redact: (text) => text, maskSecret: () => undefined, onRequest },
  );
  return { storage: httpStorage(http, place), close: async () => await http[Symbol.asyncDispose]() };
}
