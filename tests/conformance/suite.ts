import { describe, test } from "bun:test";
import { canDownload } from "../../src/core/abilities.ts";
import { ATTRIBUTE_CLAUSES } from "./attributes.ts";
import { CONTRACT_CLAUSES } from "./contract.ts";
import { LAW_CLAUSES } from "./laws.ts";
import { LIVED_CLAUSES } from "./lived.ts";
import { CLAUSES, type Clause, type Spec, unasked } from "./place.ts";
import { Stage } from "./stage.ts";

/** A clause: what every plugin keeps. @throws NotAsked where the place has not what it takes to ask, which `unasked` is to know */
export type Check = (stage: Stage) => Promise<void>;

const CHECKS: Readonly<Record<Clause, Check>> = {
  ...CONTRACT_CLAUSES,
  ...LAW_CLAUSES,
  ...LIVED_CLAUSES,
  ...ATTRIBUTE_CLAUSES,
};

/**
 * Every plugin passes this, against its emulator and against its real server. A new law gets a clause here. A clause that cannot be asked
 * is shown as skipped, with the reason.
 */
export async function conformance(name: string, spec: Spec, only: readonly Clause[] = CLAUSES): Promise<void> {
  const reasons = { ...(await reasonsOf(spec)), ...spec.skip };
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
          await using stage = await Stage.open(spec);
          await CHECKS[clause](stage);
        },
        spec.timeout ?? 120_000,
      );
    }
  });
}

/** Opens the place once, to see what can be asked of it. */
async function reasonsOf(spec: Spec): Promise<ReturnType<typeof unasked>> {
  await using stage = await Stage.open(spec, spec.probe);
  await stage.declare({ small: spec.small });
  await using open = await stage.backend();
  return unasked(spec, stage.place, { download: canDownload(open.backend) });
}
