import { expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { stateServer } from "../core/store/server.ts";
import { World } from "./world.ts";

const ONE = '[image.a]\nsource = "./a.img"\n';
const settings = (url: string): string =>
  `[settings]\nname = "images"\nstate = "${url}"\nstate_username = "user"\nstate_password = "env:STATE_PASSWORD"\n`;
const LINE = /^\d{4}-\S+Z debug: GET http:\/\/\S+ \d{3} \d+ ms/m;

test("--debug and IMAGES_LOG=debug show every request on stderr: method, URL, status, time; no secret", async () => {
  await using server = stateServer("terraform");
  await using world = await World.make(ONE, settings(server.url));
  const env = { STATE_PASSWORD: "secret" };
  for (const [args, more] of [
    [["plan", "--debug"], {}],
    [["plan"], { IMAGES_LOG: "debug" }],
  ] as const) {
    const said = await world.run(args, { env: { ...env, ...more } });
    expect(said.code).toBe(0);
    expect(said.stderr).toMatch(LINE);
    expect(said.stderr).not.toContain("secret");
    expect(said.stderr).not.toContain(btoa("user:secret"));
  }
  expect((await world.run(["plan"], { env })).stderr).not.toContain("debug:");
});

test("IMAGES_LOG_PATH takes the lines instead of stderr", async () => {
  await using server = stateServer("terraform");
  await using world = await World.make(ONE, settings(server.url));
  const env = { STATE_PASSWORD: "secret", IMAGES_LOG: "trace", IMAGES_LOG_PATH: "trace.log" };
  const said = await world.run(["plan"], { env });
  expect(said.stderr).not.toContain("debug:");
  expect(await readFile(world.directory.at("trace.log"), "utf8")).toMatch(LINE);
});

test("an unknown level of IMAGES_LOG is wrong usage", async () => {
  await using world = await World.make(ONE);
  const said = await world.run(["plan"], { env: { IMAGES_LOG: "loud" } });
  expect([said.code, said.stderr.includes("expected debug, trace or off")]).toEqual([64, true]);
});
