import { afterAll, beforeAll, describe, setDefaultTimeout } from "bun:test";
import { storageConformance } from "./conformance.ts";
import { makeBucket, moto, programAt, type S3Kit, type Server, s3Kit, versitygw } from "./servers.ts";

// For a machine that does much else.
setDefaultTimeout(300_000);

const SERVERS = [
  { name: "versitygw", start: versitygw, is: programAt("versitygw") !== undefined },
  { name: "moto_server", start: moto, is: programAt("moto_server") !== undefined },
];

for (const { name, start, is } of SERVERS) {
  // Installed by .ci/packages.
  describe.skipIf(!is)(name, () => {
    let server: Server;
    let kit: S3Kit;
    let next = 0;
    beforeAll(async () => {
      server = await start();
      kit = s3Kit(server.url);
      await makeBucket(server.url);
    });
    afterAll(async () => {
      await kit[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    });

    storageConformance(`a bucket of ${name}`, async () => {
      const url = kit.url(`state ${++next}/images.json`);
      return { open: () => kit.open(url), [Symbol.asyncDispose]: async () => undefined };
    });
  });
}
