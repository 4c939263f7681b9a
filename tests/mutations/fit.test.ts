import { expect, test } from "bun:test";
import { DECISION_MUTANTS } from "./decisions.ts";
import { DISK_MUTANTS } from "./disk.ts";
import { ENGINE_MUTANTS } from "./engine.ts";
import { PROOF_MUTANTS } from "./proofs.ts";

test("every mutant fits the source that it breaks", async () => {
  const loose: string[] = [];
  for (const { what, file, from } of [...ENGINE_MUTANTS, ...DECISION_MUTANTS, ...PROOF_MUTANTS, ...DISK_MUTANTS])
    if (!(await Bun.file(file).text()).includes(from)) loose.push(what);
  expect(loose).toEqual([]);
});
