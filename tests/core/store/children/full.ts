// What happens on a filesystem that is full, and on one that cannot be written. Argument: its directory.
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { replaceFile } from "../../../../src/core/disk/write.ts";
import { asFailure } from "../../../../src/core/failure.ts";
import { fileStorage } from "../../../../src/core/store/file.ts";
import { openStore } from "../../../../src/core/store/state.ts";
import { at, row, signal } from "../help.ts";

const directory = process.argv[2] ?? "";
const path = join(directory, "s.json");
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
for (let full = false, i = 0; !full; i += 4) {
  const names = [i, i + 1, i + 2, i + 3].map((n) => at("lab", `x${n}`));
  const answers = await Promise.all(
    names.map((name) => code(store.put(name, row("lab", name, { text: "x".repeat(2000) })))),
  );
  acknowledged.push(...names.filter((_, n) => answers[n] === "done"));
  full = answers.some((answer) => answer !== "done");
  if (full) say(`put: ${[...new Set(answers)]}`);
}
// Where four long lines did not fit, a short one may: nothing of the four is left behind it.
if ((await code(store.put(at("lab", "short"), row("lab", "s")))) === "done") acknowledged.push(at("lab", "short"));
const ballast = join(directory, "ballast");
try {
  for (let size = 4096; ; ) writeFileSync(ballast, Buffer.alloc(size), { flag: "a" });
} catch {
  const answer = await code(replaceFile(path, "x".repeat(10_000)));
  const left = readdirSync(directory).filter((name) => name.endsWith(".tmp")).length;
  say(`replace: ${answer}, state as before: ${readFileSync(path, "utf8") === before}, left over: ${left}`);
}
say(`dispose: ${await code(Promise.resolve(store[Symbol.asyncDispose]()))}`);
rmSync(ballast);
rmSync(`${path}.backup`, { force: true });
Bun.spawnSync(["mount", "-o", "remount,size=2m", directory]);
{
  await using again = await open();
  say(`again: every acknowledged row: ${acknowledged.every((key) => Object.hasOwn(again.state.images, key))}`);
}
Bun.spawnSync(["mount", "-o", "remount,ro", directory]);
say(`read-only: ${await code(open())}`);
