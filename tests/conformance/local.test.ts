import { mkdir, readFile, writeFile } from "node:fs/promises";
import { listed, TestDirectory } from "../harness.ts";
import { FOREIGN, meddled, STORE } from "./records.ts";
import { conformance } from "./suite.ts";

await conformance("local", {
  plugin: "local",
  ...STORE,
  page: 70,
  place: async () => {
    const directory = await TestDirectory.make();
    const records = async () =>
      (await listed(directory.at("images")).catch(() => [])).map((name) => directory.at("images", name));
    return {
      settings: { path: directory.path, grace: "0s" },
      plant: async () => {
        for (const name of ["images", "blobs", "files", "streams/v1", "tmp"])
          await mkdir(directory.at(name), { recursive: true });
        await writeFile(directory.at("blobs", FOREIGN.disk.sha256), "foreign");
        await writeFile(directory.at("images", `${FOREIGN.id}.json`), JSON.stringify(FOREIGN));
        return FOREIGN.id;
      },
      meddle: async (id) => {
        const path = (await records()).find((name) => name.endsWith(`/${id}.json`)) ?? "";
        await writeFile(path, meddled(await readFile(path, "utf8")));
        return "description";
      },
      [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
    };
  },
});
