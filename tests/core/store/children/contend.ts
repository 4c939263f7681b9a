// Takes the lock again and again, and looks each time whether somebody else is inside. Arguments: state, rounds, "die" or "live".
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { probe } from "../../../../src/core/disk/process.ts";
import { fileStorage } from "../../../../src/core/store/file.ts";
import { acquireLock } from "../../../../src/core/store/lock.ts";
import { holder, signal } from "../help.ts";

const [path = "", rounds = "1", fate = "live"] = process.argv.slice(2);
const inside = `${path}.inside`;

process.stdout.write("ready\n");
for await (const _ of console) break;
for (let round = 0; round < Number(rounds); round++) {
  const lease = await acquireLock(fileStorage(path), holder(crypto.randomUUID().slice(0, 13)), { timeout: 60, signal });
  try {
    writeFileSync(inside, String(process.pid), { flag: "wx" });
  } catch {
    const pid = Number(readFileSync(inside, "utf8"));
    if (probe(pid) !== undefined) process.stdout.write(`together with ${pid}\n`);
    writeFileSync(inside, String(process.pid));
  }
  await sleep(Math.random() * 4);
  if (fate === "die" && round + 1 === Number(rounds)) process.kill(process.pid, "SIGKILL");
  if (readFileSync(inside, "utf8") !== String(process.pid)) process.stdout.write("pushed out\n");
  rmSync(inside);
  await lease[Symbol.asyncDispose]();
}
process.stdout.write("done\n");
