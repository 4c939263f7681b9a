import { afterAll, describe, test } from "bun:test";
import { ATTRIBUTE_CLAUSES } from "./attributes.ts";
import { CONTRACT_CLAUSES } from "./contract.ts";
import { LAW_CLAUSES } from "./laws.ts";
import { CLAUSES, type Clause, NotAsked, type Spec } from "./place.ts";
import { Stage } from "./stage.ts";

/** A clause: what every plugin keeps. @throws NotAsked where the place has not what it takes to ask */
export type Check = (stage: Stage) => Promise<void>;

const CHECKS: Readonly<Record<Clause, Check>> = { ...CONTRACT_CLAUSES, ...LAW_CLAUSES, ...ATTRIBUTE_CLAUSES };

/** Every plugin passes this, against its emulator and against its real server. A new law gets a clause here. */
export function conformance(name: string, spec: Spec, only: readonly Clause[] = CLAUSES): void {
  describe(`${name} keeps the contract`, () => {
    const notAsked: string[] = [];
    afterAll(() => {
      if (notAsked.length > 0) process.stderr.write(`(not asked) ${notAsked.join("\n(not asked) ")}\n`);
    });
    for (const clause of CLAUSES) {
      const reason = spec.skip?.[clause];
      if (!only.includes(clause)) continue;
      if (reason !== undefined) {
        test.skip(`${clause}: ${reason}`, () => undefined);
        continue;
      }
      test(
        clause,
        async () => {
          await using stage = await Stage.open(spec);
          await CHECKS[clause](stage).catch((thrown: unknown) => {
            if (!(thrown instanceof NotAsked)) throw thrown;
            notAsked.push(`${name} > ${clause}: ${thrown.message}`);
          });
        },
        spec.timeout ?? 120_000,
      );
    }
  });
}
