import { describe, test } from "bun:test";
import { CHECKS } from "../../src/conformance/checks.ts";
import { type ClauseRequest, TestStage } from "../../src/conformance/stage.ts";
import { canDownload } from "../../src/core/abilities.ts";
import { CLAUSES, type Clause, type ConformanceSpec } from "../../src/core/conformance.ts";
import { run } from "../harness.ts";
import { skippedClauses } from "./skipped.ts";

/** A plugin, as in `plugin = …`, and how it is asked. */
export interface Spec extends ConformanceSpec {
  readonly plugin: string;
}

/**
 * Every plugin passes this, against its emulator and against its real server. A new law gets a clause in src/conformance. A clause that
 * cannot be asked is shown as skipped, with the reason.
 */
export async function conformance(name: string, spec: Spec, only: readonly Clause[] = CLAUSES): Promise<void> {
  const question: ClauseRequest = {
    plugin: spec.plugin,
    spec,
    run: (directory, args, env) => run(directory, args, { env }),
  };
  const reasons = { ...(await reasonsOf(question)), ...spec.skip };
  describe(`${name} keeps the contract`, () => {
    for (const clause of CLAUSES) {
      if (!only.includes(clause)) continue;
      const reason = reasons[clause];
      if (reason !== undefined) {
        test.skip(`${clause}: ${reason}`, () => undefined);
        continue;
      }
      test(
        clause,
        async () => {
          await using stage = await TestStage.open(question);
          await CHECKS[clause](stage);
        },
        spec.timeout ?? 300_000,
      );
    }
  });
}

/** Opens a place once, to see what can be asked of it. */
async function reasonsOf(question: ClauseRequest): Promise<ReturnType<typeof skippedClauses>> {
  const { spec } = question;
  await using stage = await TestStage.open(question, spec.probe);
  await stage.declare({ small: spec.small });
  await using open = await stage.backend();
  return skippedClauses(spec, stage.place, { download: canDownload(open.backend) });
}
