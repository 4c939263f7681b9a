import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Command, Contest, PartialOptions, Peer, Race, Row } from "../types.ts";

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

/** What the runtime takes by itself: nothing that is built like ours can be faster. */
const nothing = ({ disk, run }: Race): Peer => ({
  name: "a program that does nothing, on the same runtime",
  make: async () => {
    await writeFile(join(disk, "nothing.ts"), "export {};\n");
    const words = ["--compile", "--minify", "--bytecode", "nothing.ts", "--outfile", "nothing"];
    await run({ argv: [process.execPath, "build", ...words], cwd: disk });
    return { run: { argv: [join(disk, "nothing")], cwd: disk } };
  },
});

const row = (name: string, ours: readonly string[], peers: Words): Row => ({
  name: `start-${name}`,
  group: "local",
  about: `images ${ours.join(" ")}`,
  isShort: true,
  open: async (race) => {
    const { peers: tools, ...rest } = await contest(race, `\`images ${ours.join(" ")}\``, ours, peers);
    return { ...rest, peers: name === "version" ? [...tools, nothing(race)] : tools };
  },
});

export const START: readonly Row[] = [
  row("version", ["version"], { incus: ["--version"], terraform: ["version"] }),
  row("help", ["--help"], { incus: ["--help"], terraform: ["-help"] }),
  row("completion", ["completion", "bash"], { incus: ["completion", "bash"] }),
  row("tab", ["__complete", "--", "images", "pl"], { incus: ["__complete", "image", "l"] }),
];
