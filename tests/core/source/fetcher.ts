// A run of its own in a process of its own: fetches URL DIGEST into the cache of IMAGES_CACHE and prints the sha256 of what it read.
import { createHash } from "node:crypto";
import { parseDigest } from "../../../src/core/model/digest.ts";
import { createHttpClient } from "../../../src/core/net/http.ts";
import { Sources } from "../../../src/core/source/open/open.ts";
import { ANY, declared, never, opening, urlSource } from "./kit.ts";

const [url = "", text = ""] = process.argv.slice(2);
const checksum = parseDigest(text);
await using sources = new Sources({
  http: (options) => createHttpClient(options, { redact: (line) => line, maskSecret: () => {}, env: {} }),
  secret: async (reference) => reference,
  env: process.env,
  signal: never,
});
const spec = urlSource(url, checksum === undefined ? {} : { checksum: declared(checksum) });
const source = await sources.open(spec, ANY, opening());
const hasher = createHash("sha256");
for await (const piece of source.open(never)) hasher.update(piece);
console.log(hasher.digest("hex"));
