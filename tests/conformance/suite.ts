import { afterAll, describe, test } from "bun:test";
import { CHECKS } from "../../src/conformance/checks.ts";
import { Stage } from "../../src/conformance/stage.ts";
import { CLAUSES, type Clause, type ConformanceSpec, NotAsked } from "../../src/core/conformance.ts";
import { run } from "../harness.ts";

/** A plugin, as in `plugin = …`, and how it is asked. */
export interface Spec extends ConformanceSpec {
  readonly plugin: string;
}

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
          await using stage = await Stage.open({
            plugin: spec.plugin,
            spec,
            run: (folder, args, env) => run(folder, args, { env }),
          });
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
