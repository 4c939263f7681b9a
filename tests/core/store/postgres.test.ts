import { afterAll, beforeAll, describe, setDefaultTimeout } from "bun:test";
import { storageConformance } from "./conformance.ts";
import { hasPostgres, type Postgres, postgres } from "./pgserver.ts";

// For a machine that does much else.
setDefaultTimeout(300_000);

// Installed by .ci/packages.
describe.skipIf(!hasPostgres)("PostgreSQL", () => {
  let server: Postgres;
  let next = 0;
  beforeAll(async () => {
    server = await postgres();
  });
  afterAll(async () => await server[Symbol.asyncDispose]());

  storageConformance("a database", async () => {
    const url = server.url(`state-${++next}`);
    return { open: () => server.open(url), [Symbol.asyncDispose]: async () => undefined };
  });
});
