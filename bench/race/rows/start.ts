import type { Command, Contest, PartialOptions, Race, Row } from "../types.ts";

const GOAL: PartialOptions = { ms: 20 };

/** Peers by their tool: the words of the same thing. */
type Words = Readonly<Record<string, readonly string[]>>;

async function contest({ disk, tool }: Race, title: string, ours: readonly string[], peers: Words): Promise<Contest> {
  const command = (argv: readonly string[]): Command => ({ argv, cwd: disk, env: { CHECKPOINT_DISABLE: "1" } });
  return {
    title,
    ours: async ({ argv }) => ({ run: command([...argv, ...ours]) }),
    peers: Object.entries(peers).map(([name, words]) => ({
      name: `${name} ${words.join(" ")}`,
      needs: [name],
      goal: GOAL,
      make: async () => ({ run: command([tool(name), ...words]) }),
    })),
  };
}

const row = (name: string, ours: readonly string[], peers: Words): Row => ({
  name: `start-${name}`,
  group: "local",
  about: `images ${ours.join(" ")}`,
  isShort: true,
  open: (race) => contest(race, `\`images ${ours.join(" ")}\``, ours, peers),
});

export const START: readonly Row[] = [
  row("version", ["version"], { incus: ["--version"], terraform: ["version"] }),
  row("help", ["--help"], { incus: ["--help"], terraform: ["-help"] }),
  row("completion", ["completion", "bash"], { incus: ["completion", "bash"] }),
  row("tab", ["__complete", "--", "images", "pl"], { incus: ["__complete", "image", "l"] }),
];
