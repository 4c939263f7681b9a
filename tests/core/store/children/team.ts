// One of a team, in a process of its own. Arguments: what it does, the place of the state, and a number.
import { openStore } from "../../../../src/core/store/state.ts";
import { at, row, signal } from "../help.ts";
import { openAt } from "../openat.ts";

const [what = "", place = "", number = "0"] = process.argv.slice(2);
const { storage, close } = openAt(place);
const open = (lockTimeout?: number) =>
  openStore({
    storage,
    operation: "apply",
    write: true,
    signal,
    ...(lockTimeout === undefined ? {} : { lockTimeout }),
  });
const say = (text: string) => process.stdout.write(`${text}\n`);
const COUNTER = at("lab", "counter");

async function main(): Promise<void> {
  switch (what) {
    case "put": {
      // Puts rows until it is killed, four at a time, and says each one that was acknowledged.
      let next = Number(number);
      for (;;) {
        // Opened again and again, so that some are killed while they open or close.
        await using store = await open(60);
        await Promise.all(
          ["a", "b", "c", "d"].map(async (name) => {
            for (let i = 0; i < 10; i++) {
              const id = next++;
              store.record({ type: "step.note", address: at("lab", name), text: `${id}` });
              await store.put(at("lab", name), row("lab", `${id}`));
              say(`${name} ${id}`);
            }
          }),
        );
      }
    }
    case "count": {
      // Raises one number, each time in a run of its own.
      for (let i = 0; i < Number(number); i++) {
        await using store = await open(600);
        const before = Number(store.recorded(COUNTER)?.id ?? 0);
        await store.put(COUNTER, row("lab", `${before + 1}`));
      }
      await close();
      break;
    }
    case "hold": {
      // Holds the lock; puts a row for each line on stdin, and says what came of it.
      const store = await open();
      say(store.run);
      let next = 0;
      for await (const _ of console)
        await store.put(at("lab", "held"), row("lab", `${++next}`)).then(
          () => say(`put ${next}`),
          (error: unknown) => say(error instanceof Error && "code" in error ? String(error.code) : String(error)),
        );
    }
  }
}
// Not awaited at the top: only a program without that can be built with its bytecode.
void main().catch((error: unknown) => {
  // Neither of the two that it is made of is printed with it.
  console.error(error, ...(error instanceof SuppressedError ? [error.error, error.suppressed] : []));
  process.exit(1);
});
