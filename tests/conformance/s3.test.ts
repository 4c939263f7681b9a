import { afterAll, test } from "bun:test";
import { AWS, moto, programAt, type Server, versitygw } from "../core/store/servers.ts";
import { bucketNamed, front, hands } from "../plugins/s3/kit.ts";
import { FOREIGN, meddled, STORE } from "./records.ts";
import { conformance } from "./suite.ts";

const SECRET = AWS.AWS_SECRET_ACCESS_KEY;
const servers: readonly (readonly [name: string, start: () => Promise<Server>])[] = [
  ["versitygw", versitygw],
  ["moto_server", moto],
];

for (const [name, start] of servers) {
  if (programAt(name) === undefined) {
    test.skip(`s3 on ${name}: it is not installed`, () => undefined);
    continue;
  }
  const server = await start();
  afterAll(async () => await server[Symbol.asyncDispose]());
  let buckets = 0;
  const known = "asked of versitygw: it is one object with other words in it, and moto takes a minute";
  await conformance(`s3 on ${name}`, {
    plugin: "s3",
    ...STORE,
    // A page of a bucket has a thousand keys: enough to see that no image costs a request of its own.
    page: name === "versitygw" ? 20 : 10,
    ...(name === "moto_server" && {
      skip: {
        "attribute lives": known,
        "lived-in world": known,
        "copied marker": known,
        "added by others": known,
        "another lineage": known,
        "another file": known,
        "all attributes": known,
        "what is already so": known,
        "changed bytes": known,
        "create twice": known,
        names: known,
        "side by side": known,
        "lost state": known,
        import: known,
        drift: known,
        unmarked: known,
        secrets: known,
      },
    }),
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
        // moto takes any signature.
        ...(name === "versitygw" ? { bad: { settings, env: { STORE_SECRET: "sentinel-wrong-9c1d" } } } : {}),
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
