import { afterAll, test } from "bun:test";
import { AWS, programAt, type Server } from "../core/store/servers.ts";
import { bucketNamed, front, hands } from "../plugins/s3/kit.ts";
import { FOREIGN, meddled, STORE } from "./records.ts";
import { conformance, type Spec } from "./suite.ts";

const SECRET = AWS.AWS_SECRET_ACCESS_KEY;

/** Asks the plugin s3 on a server of buckets; each server has a file of its own, so that they run side by side. */
export async function bucketsOf(
  name: string,
  start: () => Promise<Server>,
  given: Pick<Spec, "page" | "skip"> & { readonly checksSignatures: boolean },
): Promise<void> {
  const { checksSignatures, ...asked } = given;
  if (programAt(name) === undefined) {
    test.skip(`s3 on ${name}: it is not installed`, () => undefined);
    return;
  }
  const server = await start();
  afterAll(async () => await server[Symbol.asyncDispose]());
  let buckets = 0;
  await conformance(`s3 on ${name}`, {
    plugin: "s3",
    ...STORE,
    ...asked,
    place: async () => {
      const bucket = `store-${buckets++}`;
      await bucketNamed(server.url, bucket);
      const way = await front(server.url);
      const own = hands(server.url, bucket);
      const settings = {
        path: `s3://${bucket}/mirror`,
        endpoint: way.url,
        region: "us-east-1",
        access_key: AWS.AWS_ACCESS_KEY_ID,
        secret_key: "env:STORE_SECRET",
        grace: "0s",
        resume: "0s",
      };
      return {
        settings,
        env: { STORE_SECRET: SECRET },
        ...(checksSignatures ? { bad: { settings, env: { STORE_SECRET: "sentinel-wrong-9c1d" } } } : {}),
        plant: async () => {
          await own.put(
            "mirror/images-store.json",
            `${JSON.stringify({ images_store: 2, id: crypto.randomUUID() })}\n`,
          );
          await own.put(`mirror/blobs/${FOREIGN.disk.sha256}`, "foreign");
          await own.put(`mirror/images/${FOREIGN.id}.json`, JSON.stringify(FOREIGN));
          return FOREIGN.id;
        },
        meddle: async (id) => {
          const key = `mirror/images/${id}.json`;
          await own.put(key, meddled(await own.text(key)));
          return "description";
        },
        refuse: way.refuse,
        requests: way.requests,
        connections: way.connections,
        async [Symbol.asyncDispose]() {
          await own[Symbol.asyncDispose]();
          await way[Symbol.asyncDispose]();
        },
      };
    },
  });
}
