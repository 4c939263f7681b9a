import { expect, test } from "bun:test";
import { resolve } from "node:path";

// What the engine compiles in the background takes memory, and comes before there is little of it.

test("the parser of answers is warmed up without a server, and nothing of that keeps a program running", async () => {
  const program = `
    import Client from "undici/lib/dispatcher/client.js";
    import { warmUpParser } from "${resolve("src/core/net/parser-warm-up.ts")}";
    await warmUpParser(Client);
    console.log("done");
  `;
  const child = Bun.spawn([process.execPath, "-e", program], { stdout: "pipe" });
  expect([await new Response(child.stdout).text(), await child.exited]).toEqual(["done\n", 0]);
}, 60_000);

test("before a dictionary that leaves little memory the engine has begun to compile the parser", async () => {
  const program = `
    import { MemoryBudget } from "${resolve("src/core/format/memory-budget.ts")}";
    import { Transport } from "${resolve("src/core/net/transport.ts")}";
    const transport = new Transport({ own: "http://127.0.0.1:1", socket: undefined, env: {} });
    await transport.route(new URL("http://127.0.0.1:1/"), true);
    await new MemoryBudget().take(${66 << 20});
    setInterval(() => undefined, 1000);
  `;
  const child = Bun.spawn([process.execPath, "-e", program], {
    // The engine says what it compiles.
    env: { ...process.env, BUN_JSC_dumpOMGDisassembly: "1" },
    stdout: "ignore",
    stderr: "pipe",
  });
  let said = "";
  for await (const piece of child.stderr) {
    said += new TextDecoder().decode(piece);
    if (said.includes("Generated OMG ")) break;
  }
  child.kill();
  await child.exited;
  expect(said).toContain("Generated OMG ");
}, 60_000);
