import { resolve } from "node:path";
import { startWebDirectory } from "../emulators/webdav/server.ts";
import { conformance } from "./suite.ts";

const TOKEN = "sentinel-token-4f1c9a";
const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

/** The plugin that the docs show, loaded from its file as a stranger's would be. */
await conformance("the plugin of the docs", {
  // tests/mutants.ts puts a broken copy in its place.
  plugin: process.env["IMAGES_TEST_PLUGIN"] ?? resolve("docs/examples/webdav.ts"),
  bytes: new TextEncoder().encode("a small image\n".repeat(1000)),
  otherBytes: new TextEncoder().encode("another small image\n".repeat(1000)),
  small: {},
  lives: {
    title: { set: "first", change: "zweiter äö" },
    tags: { set: ["a", "b"], change: ["b"] },
  },
  place: async () => {
    const web = startWebDirectory(TOKEN);
    return {
      settings: { url: web.url, token: "env:WEBDAV_TOKEN" },
      env: { WEBDAV_TOKEN: TOKEN },
      bad: { settings: { url: web.url, token: "env:WEBDAV_TOKEN" }, env: { WEBDAV_TOKEN: "sentinel-wrong-77ab" } },
      plant: async () => {
        web.files.set(
          "small.json",
          encode({ id: "small", attributes: { title: "foreign", checksum: "0".repeat(64), size_bytes: 1 } }),
        );
        return "small";
      },
      meddle: async (id) => {
        const record = JSON.parse(new TextDecoder().decode(web.files.get(`${id}.json`)));
        web.files.set(`${id}.json`, encode({ ...record, attributes: { ...record.attributes, title: "meddled with" } }));
        return "title";
      },
      refuse: web.refuse,
      requests: web.requests,
      [Symbol.asyncDispose]: () => web[Symbol.asyncDispose](),
    };
  },
});
