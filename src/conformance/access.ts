import { expect } from "bun:test";
import { Failure } from "images";
import { type Clause, ClauseSkipped } from "../core/conformance.ts";
import { type Check, reading } from "./stage.ts";

// Clauses about credentials and connections.

export const ACCESS_CLAUSES = {
  credential: async (stage) => {
    const { bad } = stage.place;
    if (bad === undefined) throw new ClauseSkipped("this backend has no credentials");
    const before = stage.place.requests?.() ?? 0;
    await stage.declare({ small: stage.spec.small });
    const text = await Bun.file(stage.directory.at("images.toml")).text();
    await stage.directory.write(
      "images.toml",
      text.replace(/\[backend\.x\][^[]*/, () => stage.head(bad.settings)),
    );
    await using open = await stage.backend({ ...stage.place, settings: bad.settings, env: bad.env });
    const thrown = await Array.fromAsync(open.backend.list(reading)).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(thrown).toBeInstanceOf(Failure);
    if (!(thrown instanceof Failure)) return;
    expect(thrown.code).toMatch(/^backend\.(auth|denied)$/);
    expect(thrown.hint).toBeString();
    expect((stage.place.requests?.() ?? 0) - before).toBeLessThanOrEqual(3);
    for (const secret of Object.values(bad.env))
      expect(`${thrown.message}${thrown.hint}${Bun.inspect(thrown)}`).not.toContain(secret);
  },

  dispose: async (stage) => {
    const { connections } = stage.place;
    if (connections === undefined) throw new ClauseSkipped("connections cannot be counted here");
    await stage.declare({ small: stage.spec.small });
    {
      await using open = await stage.backend();
      await Array.fromAsync(open.backend.list(reading));
    }
    const deadline = Date.now() + 5_000;
    while (connections() > 0 && Date.now() < deadline) await new Promise((go) => setImmediate(go));
    expect(connections()).toBe(0);
  },
} satisfies Partial<Record<Clause, Check>>;
