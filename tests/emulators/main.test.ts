import { expect, test } from "bun:test";
import { asker } from "./linode/ask.ts";

const script = new URL("main.ts", import.meta.url).pathname;

test("the emulated Linode starts by itself, takes the token that it is given, and ends on SIGTERM", async () => {
  const emulator = Bun.spawn(["bun", script, "linode", "--json", "--token", "right"], { stdout: "pipe" });
  try {
    const told = JSON.parse(await firstLine(emulator.stdout));
    expect(told).toMatchObject({ name: "linode", token: "the one of --token", region: "us-ord" });
    expect((await asker(told.url, "wrong")("GET", "/v4/images")).status).toBe(401);
    const disks = await asker(told.url, "right")("GET", `/v4/linode/instances/${told.instance}/disks`);
    expect(disks.body.data?.map(({ id, status }) => [id, status])).toEqual([
      [told.disks[0], "ready"],
      [told.disks[1], "ready"],
    ]);
  } finally {
    emulator.kill("SIGTERM");
  }
  expect(await emulator.exited).toBe(0);
});

test("a name or an option that is unknown is refused", async () => {
  const wrong = async (...args: readonly string[]) => {
    const run = Bun.spawn(["bun", script, ...args], { stdout: "ignore", stderr: "pipe" });
    return [await run.exited, (await run.stderr.text()).split("\n")[0]];
  };
  expect(await wrong("nobody")).toEqual([2, expect.stringContaining("usage: bun run emulator <linode")]);
  expect(await wrong("linode", "--nothing")).toEqual([1, expect.stringContaining("--nothing")]);
  expect(await wrong("linode", "--port", "x")).toEqual([1, "--port x is no port"]);
});

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    if (text.includes("\n")) break;
  }
  return text.split("\n")[0] ?? "";
}
