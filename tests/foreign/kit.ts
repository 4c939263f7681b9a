import { TestDirectory } from "../harness.ts";

/** Where tests/foreign/run has put the clients of others; undefined: they could not be installed, and it said why. */
export const clients = { python: process.env["FOREIGN_PYTHON"], go: process.env["FOREIGN_GO"] };

export interface Told {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs somebody else's program in an empty directory that is its home, with these variables and no others. */
export async function call(command: readonly string[], env: Readonly<Record<string, string>>): Promise<Told> {
  await using directory = await TestDirectory.make();
  const child = Bun.spawn([...command], {
    cwd: directory.path,
    env: { PATH: process.env["PATH"] ?? "", HOME: directory.path, LANG: "C.UTF-8", ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: 120_000,
  });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, stdout, stderr };
}

/** The JSON that it wrote. @throws what it said, when it failed */
export async function answer(command: readonly string[], env: Readonly<Record<string, string>>): Promise<unknown> {
  const { code, stdout, stderr } = await call(command, env);
  if (code !== 0) throw new Error(`${command.join(" ")}: ${code}\n${stderr}\n${stdout}`);
  return stdout.trim() === "" ? undefined : JSON.parse(stdout);
}
