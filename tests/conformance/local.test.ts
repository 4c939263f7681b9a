import { readFile, writeFile } from "node:fs/promises";
import { listed, TestDirectory } from "../harness.ts";
import { conformance } from "./suite.ts";

await conformance("local", {
  plugin: "local",
  bytes: new TextEncoder().encode("a small image\n".repeat(1000)),
  otherBytes: new TextEncoder().encode("another small image\n".repeat(1000)),
  small: {},
  page: 70,
  lives: {
    name: { set: "first", change: "second" },
    description: { set: "one", change: "zwei äö" },
    aliases: { set: ["a", "b/c"], change: ["b/c", "d"] },
    properties: { set: { os: "x", "with.dot": "1" }, change: { os: "y" } },
    tags: { set: ["t1", "t2"], change: ["t2"] },
    visibility: { set: "private", change: "public" },
    os: { set: "Debian", change: "Ubuntu" },
    release: { set: "12", change: "13" },
    architecture: { set: "arm64", change: "amd64" },
    variant: { set: "cloud", change: "default" },
    format: { set: "raw", change: "qcow2", replaces: true },
    compression: { set: "gz", change: "zst", replaces: true },
  },
  several: (i) => ({ aliases: [`alias-${i}`] }),
  place: async () => {
    const folder = await TestDirectory.make();
    const records = async () =>
      (await listed(folder.at("images")).catch(() => [])).map((name) => folder.at("images", name));
    return {
      settings: { path: folder.path, grace: "0s" },
      plant: async () => {
        const { mkdir } = await import("node:fs/promises");
        for (const name of ["images", "blobs", "files", "streams/v1", "tmp"])
          await mkdir(folder.at(name), { recursive: true });
        await writeFile(folder.at("blobs", "0".repeat(64)), "foreign");
        const disk = { sha256: "0".repeat(64), size: 7 };
        const record = {
          id: "small@foreign",
          name: "small",
          attributes: { visibility: "public" },
          disk,
          fingerprint: disk.sha256,
          format: "other",
          compression: "none",
          created: "2026-01-01T00:00:00Z",
        };
        await writeFile(folder.at("images", "small@foreign.json"), JSON.stringify(record));
        return record.id;
      },
      meddle: async (id) => {
        const path = (await records()).find((name) => name.endsWith(`/${id}.json`)) ?? "";
        const record = JSON.parse(await readFile(path, "utf8"));
        await writeFile(
          path,
          JSON.stringify({ ...record, attributes: { ...record.attributes, description: "meddled with" } }),
        );
        return "description";
      },
      [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
    };
  },
});
