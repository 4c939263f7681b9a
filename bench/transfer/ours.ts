// One run: URL DIGEST SINK…: fetched, proven and put to all sinks at once. Prints the highest memory of this process.
import { parseDigest } from "../../src/core/model/digest.ts";
import { address, backendName, imageName } from "../../src/core/model/name.ts";
import { createHttpClient } from "../../src/core/net/http.ts";
import { Sources } from "../../src/core/source/open/open.ts";

const [url = "", text = "", ...sinks] = process.argv.slice(2);
const digest = parseDigest(text);
const { signal } = new AbortController();
const means = { redact: (line: string) => line, maskSecret: () => {}, env: {} };
await using sources = new Sources({
  http: (options) => createHttpClient(options, means),
  secret: async (reference) => reference,
  env: process.env,
  signal,
});
const checksum = digest === undefined ? {} : { checksum: { kind: "digest", digest } as const };
const spec = {
  kind: "url",
  at: { file: "", line: 1, column: 1 },
  urls: [url],
  follow: true,
  ...checksum,
} as const;
const put = async (sink: string) => {
  const opening = { address: address(backendName("bench"), imageName("image")), signal, progress: () => {} };
  const source = await sources.open(spec, { formats: "any", compressions: "any" }, opening);
  await using http = createHttpClient({ url: sink }, means);
  await http.json("PUT", "/image", { signal, source });
};
if (sinks.length === 0) {
  const opening = { address: address(backendName("bench"), imageName("image")), signal, progress: () => {} };
  const source = await sources.open(spec, { formats: "any", compressions: "any" }, opening);
  for await (const _ of source.open(signal));
}
await Promise.all(sinks.map(put));
