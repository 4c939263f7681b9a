// What happens on a filesystem that is full, and on one that cannot be written. Argument: its folder.
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { asFailure } from "../../../../src/core/failure.ts";
import { fileStorage } from "../../../../src/core/store/file.ts";
import { openStore } from "../../../../src/core/store/state.ts";
import { replaceFile } from "../../../../src/core/store/write.ts";
import { at, row, signal } from "../help.ts";

const folder = process.argv[2] ?? "";
const path = join(folder, "s.json");
const say = (text: string) => process.stdout.write(`${text}\n`);
const code = async (work: Promise<unknown>) =>
  await work.then(
    () => "done",
    (error: unknown) => asFailure(error).code,
  );
const open = () => openStore({ storage: fileStorage(path), operation: "apply", write: true, signal });

{
  await using first = await open();
  await first.put(at("lab", "first"), row("lab", "1"));
}
const before = readFileSync(path, "utf8");
const store = await open();
const acknowledged: string[] = [];
for (let i = 0; ; i++) {
  const answer = await code(store.put(at("lab", `x${i}`), row("lab", `${i}`, { text: "x".repeat(2000) })));
  if (answer !== "done") {
    say(`put: ${answer}`);
    break;
  }
  acknowledged.push(at("lab", `x${i}`));
}
const ballast = join(folder, "ballast");
try {
  for (let size = 4096; ; ) writeFileSync(ballast, Buffer.alloc(size), { flag: "a" });
} catch {
  const answer = await code(replaceFile(path, "x".repeat(10_000)));
  const left = readdirSync(folder).filter((name) => name.endsWith(".tmp")).length;
  say(`replace: ${answer}, state as before: ${readFileSync(path, "utf8") === before}, left over: ${left}`);
}
say(`dispose: ${await code(Promise.resolve(store[Symbol.asyncDispose]()))}`);
rmSync(ballast);
rmSync(`${path}.backup`, { force: true });
Bun.spawnSync(["mount", "-o", "remount,size=2m", folder]);
{
  await using again = await open();
  say(`again: every acknowledged row: ${acknowledged.every((key) => Object.hasOwn(again.state.images, key))}`);
}
Bun.spawnSync(["mount", "-o", "remount,ro", folder]);
say(`read-only: ${await code(open())}`);
