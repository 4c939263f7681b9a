// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is the syntax of variables
import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { run, TestDirectory } from "../harness.ts";

// For a machine that does much else.
setDefaultTimeout(300_000);

const settings = '[settings]\nname = "promotion"\n';
const store = (path: string) => `[backend.store]\nplugin = "local"\npath = "./${path}"\ngrace = "0s"\n`;
const DEV = `${settings}${store("dev")}[image.base]\nbackend = "store"\nsource = "./base.img"\n`;
const prod = (more = "") =>
  `${settings}${store("prod")}[image.base]\nbackend = "store"\nsource = { state = "./dev.state.json", image = "store/base"${more} }\n`;

async function world(more = "") {
  const directory = await TestDirectory.make({
    "dev.toml": DEV,
    "images.toml": prod(more),
    "base.img": "one\n".repeat(50),
  });
  let now = Date.parse("2026-03-01T00:00:00Z");
  const ends = async (code: number, ...args: readonly string[]) => {
    const said = await run(directory, args, { now: () => new Date(now) });
    if (said.code !== code) throw new Error(`images ${args.join(" ")}: ${said.code}\n${said.stderr}\n${said.stdout}`);
    return said;
  };
  return {
    directory,
    ends,
    days: (count: number) => {
      now += count * 86_400_000;
    },
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

test("what another file's state has accepted is promoted, and nothing before it was accepted", async () => {
  await using here = await world();
  const { ends, directory } = here;
  expect((await ends(1, "plan")).stdout).toContain("store/base");
  expect((await run(directory, ["plan"])).stdout + (await run(directory, ["plan"])).stderr).toContain(
    "has no store/base",
  );
  await ends(0, "apply", "--yes", "-f", "dev.toml");
  await ends(0, "apply", "--yes");
  expect((await ends(0, "plan", "--detailed-exitcode")).stdout).toContain("No changes");
  const digest = async (file: string) => {
    const { images } = JSON.parse((await ends(0, "state", "pull", "-f", file)).stdout);
    return images["store/base"].content.digest;
  };
  expect(await digest("images.toml")).toBe(await digest("dev.toml"));
  // New bytes are nothing to prod before dev has taken them, and what dev has not taken is refused.
  await directory.write("base.img", "two\n".repeat(50));
  expect((await ends(0, "plan", "--detailed-exitcode")).stdout).toContain("No changes");
  await ends(0, "apply", "--yes", "-f", "dev.toml");
  await ends(2, "plan", "--detailed-exitcode", "--out", "p.json");
  await directory.write("base.img", "three\n".repeat(50));
  await ends(1, "apply", "p.json");
  await directory.write("base.img", "two\n".repeat(50));
  await ends(0, "apply", "--yes");
  expect(await digest("images.toml")).toBe(await digest("dev.toml"));
});

test("min_age: what is too young waits, and what is here stays meanwhile", async () => {
  await using here = await world(', min_age = "7d"');
  const { ends, directory, days } = here;
  await ends(0, "apply", "--yes", "-f", "dev.toml");
  const young = await ends(1, "plan");
  expect(`${young.stdout}${young.stderr}`).toContain("old enough from 2026-03-08T00:00:00Z on");
  days(8);
  await ends(0, "apply", "--yes");
  await directory.write("base.img", "two\n".repeat(50));
  await ends(0, "apply", "--yes", "-f", "dev.toml");
  expect((await ends(0, "plan", "--detailed-exitcode")).stdout).toContain("No changes");
  // An update of other attributes does not make the bytes younger.
  days(5);
  await directory.write("dev.toml", `${DEV}tags = ["x"]\n`);
  await ends(0, "apply", "--yes", "-f", "dev.toml");
  days(3);
  await ends(2, "plan", "--detailed-exitcode");
  await ends(0, "apply", "--yes");
  await ends(0, "plan", "--detailed-exitcode");
});

test("what is wrong with a promotion is told at its place", async () => {
  await using here = await world();
  const told = async (source: string) => {
    await here.directory.write(
      "images.toml",
      `${settings}${store("prod")}[image.base]\nbackend = "store"\nsource = ${source}\n`,
    );
    return (await here.ends(1, "validate")).stderr;
  };
  expect(await told('{ state = "s3://b", image = "store/base" }')).toContain("source.state: expected s3://BUCKET/KEY");
  expect(await told('{ image = "store/base", min_age = "7d" }')).toContain("source.min_age also needs state");
  expect(await told('{ state = "./x.json", image = "base" }')).toContain("expected BACKEND/IMAGE");
  expect(await told('{ state = "./x.json", url = "https://h/x.img" }')).toContain(
    "source.state is only valid with image",
  );
  expect(await told('{ state = "postgres://u:hunter2@h/d?name=x", image = "store/base" }')).not.toContain("hunter2");
});

test("*.auto.toml beside the file: over the environment, under --var-file and --var, by name, also with -chdir", async () => {
  await using directory = await TestDirectory.make();
  await mkdir(directory.at("env"));
  const write = (name: string, text: string) => directory.write(`env/${name}`, text);
  await write(
    "images.toml",
    `${settings}[vars]\nx = "default"\n[backend.store]\nplugin = "local"\npath = "./\${var.x}"\n[image.a]\nsource = "./a.img"\nbackend = "store"\n`,
  );
  await write("a.img", "a");
  const path = async (args: readonly string[], env = {}) => {
    const said = await run(directory, ["-chdir=env", "apply", "--yes", "--json", ...args], { env });
    const all = ["default", "auto", "later", "file", "line", "env"];
    const found = all.filter(
      (name) => new Bun.Glob(`env/${name}/images/*`).scanSync(directory.path).next().done === false,
    );
    for (const name of all)
      await Bun.$`rm -rf ${directory.at("env", name)} ${directory.at("env", "images.state.json")}`.quiet();
    return said.code === 0 ? found : [said.stderr];
  };
  expect(await path([])).toEqual(["default"]);
  expect(await path([], { IMAGES_VAR_x: "env" })).toEqual(["env"]);
  await write("a.auto.toml", 'x = "auto"\n');
  expect(await path([], { IMAGES_VAR_x: "env" })).toEqual(["auto"]);
  await write("b.auto.toml", 'x = "later"\n');
  expect(await path([])).toEqual(["later"]);
  await write("own.toml", 'x = "file"\n');
  expect(await path(["--var-file", "own.toml"])).toEqual(["file"]);
  expect(await path(["--var-file", "own.toml", "--var", "x=line"])).toEqual(["line"]);
});
