// Puts rows until it is killed, four at a time, and says each one that was acknowledged. Argument: the state.
import { fileStorage } from "../../../../src/core/store/file.ts";
import { openStore } from "../../../../src/core/store/state.ts";
import { at, row, signal } from "../help.ts";

const [path = "", first = "0"] = process.argv.slice(2);
let next = Number(first);
for (;;) {
  // Opened again and again, so that some are killed while they open or close.
  await using store = await openStore({ storage: fileStorage(path), operation: "apply", write: true, signal });
  await Promise.all(
    ["a", "b", "c", "d"].map(async (name) => {
      for (let i = 0; i < 10; i++) {
        const id = next++;
        store.record({ type: "step.note", address: at("lab", name), text: `${id}` });
        await store.put(at("lab", name), row("lab", `${id}`));
        process.stdout.write(`${name} ${id}\n`);
      }
    }),
  );
}
