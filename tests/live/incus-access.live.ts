import { expect, setDefaultTimeout, test } from "bun:test";
import { cp, readFile, writeFile } from "node:fs/promises";
import { api, bytesOf, DIR, facts, type Json, Lab, names, restart, unified } from "./incus-kit.ts";
import { Watch } from "./incus-watch.ts";

// How a daemon is reached, and what is asked of it.

setDefaultTimeout(600_000);
if (DIR === undefined) throw new Error("INCUS_LIVE names the directory that tests/live/incus-up was given");
const { main, remote, restricted } = await facts();
const BLOCK = '[image.a]\nbackend = "lab"\nsource = "./a.tar"\n';

/** A project with a.tar to be imported, and nothing said of the way to the daemon. */
async function unreached(): Promise<Lab> {
  const lab = await Lab.open();
  await lab.directory.write("a.tar", await unified(lab.project.name));
  return lab;
}

/** Reached like this, an image comes to be in the project, is found again, and goes. */
async function works(lab: Lab, settings: string): Promise<void> {
  lab.settings = settings;
  await lab.declare(BLOCK);
  await lab.apply();
  await lab.settled();
  expect((await lab.images()).length).toBe(1);
  expect((await lab.run("destroy", "--yes")).code).toBe(0);
  expect(await lab.images()).toEqual([]);
}

/** Reached like this, nothing is done. Answers what the program says of it. */
async function fails(lab: Lab, settings: string): Promise<string> {
  lab.settings = settings;
  await lab.declare(BLOCK);
  const said = await lab.run("apply", "--yes");
  expect(said.code).toBe(1);
  expect(await lab.images()).toEqual([]);
  return said.stderr;
}

test("the unix socket that the environment names", async () => {
  await using lab = await unreached();
  lab.env = { ...lab.env, INCUS_SOCKET: main.socket };
  await works(lab, `project = "${lab.project.name}"\n`);
});

test("a remote of the client's configuration, its default remote, the project of a remote", async () => {
  await using lab = await unreached();
  const { name } = lab.project;
  await works(lab, `remote = "main"\nconfig = "${DIR}/conf"\nproject = "${name}"\n`);
  await works(lab, `config = "${DIR}/conf"\nproject = "${name}"\n`);
  await cp(`${DIR}/conf`, lab.directory.at("conf"), { recursive: true });
  await cp(main.certificate, lab.directory.at("conf", "servercerts", "production.crt"));
  const config = await readFile(`${DIR}/conf/config.yml`, "utf8");
  const production = `  production: {addr: "${main.url}", protocol: incus, project: "${name}"}\n`;
  await writeFile(lab.directory.at("conf", "config.yml"), config.replace("remotes:\n", `remotes:\n${production}`));
  lab.env = { ...lab.env, INCUS_CONF: lab.directory.at("conf") };
  await works(lab, 'remote = "production"\n');
  await writeFile(lab.directory.at("conf", "servercerts", "production.crt"), await readFile(remote.certificate));
  expect(await fails(lab, 'remote = "production"\n')).toContain("certificate");
  expect(await fails(lab, 'remote = "nowhere"\n')).toContain("production");
});

test("the certificate of a server is pinned: another one is refused before anything is sent", async () => {
  await using lab = await unreached();
  const own = `url = "${main.url}"\nconfig = "${DIR}/conf"\nproject = "${lab.project.name}"\n`;
  await works(lab, `${own}server_cert = "${main.certificate}"\n`);
  expect(await fails(lab, `${own}server_cert = "${remote.certificate}"\n`)).toContain("certificate");
  // Not pinned, it has to be one that this host trusts; a server's own is not.
  expect(await fails(lab, own)).toContain("certificate");
});

test("a restricted certificate: its project, and no other", async () => {
  await using lab = await unreached();
  const { certificate, key } = restricted;
  const own = `url = "${main.url}"\nserver_cert = "${main.certificate}"\ncert = "${certificate}"\nkey = "file:${key}"\n`;
  expect(await fails(lab, `${own}project = "${lab.project.name}"\n`)).toMatch(/project/);
  lab.settings = `${own}project = "p1"\n`;
  await lab.declare(BLOCK);
  await lab.apply();
  await lab.settled();
  expect((await api(main.socket, "GET", "/1.0/images?project=p1")).length).toBe(1);
  expect((await lab.run("destroy", "--yes")).code).toBe(0);
  expect(await api(main.socket, "GET", "/1.0/images?project=p1")).toEqual([]);
});

test("a project that shows the images of the default one", async () => {
  await using lab = await unreached();
  lab.settings = `socket = "${main.socket}"\nproject = "p2"\n`;
  await lab.declare(`${BLOCK}aliases = ["${lab.project.name}"]\n`);
  await lab.apply();
  await lab.settled();
  const { target } = await api(main.socket, "GET", `/1.0/images/aliases/${lab.project.name}`);
  expect(target).toHaveLength(64);
  expect((await lab.run("destroy", "--yes")).code).toBe(0);
  const left: readonly string[] = await api(main.socket, "GET", "/1.0/images");
  expect(left.filter((path) => path.endsWith(target))).toEqual([]);
});

/** A trust token as `incus config trust add` prints it. */
async function token(): Promise<{ readonly text: string; readonly fingerprint: string }> {
  const made = await fetch("http://incus/1.0/certificates", {
    unix: main.socket,
    method: "POST",
    body: JSON.stringify({ name: "newcomer", type: "client", token: true }),
  });
  const said: Json = await made.json();
  const { request, addresses, fingerprint, secret } = said.metadata.metadata;
  const parts = { client_name: request.name, fingerprint, addresses, secret, expires_at: "0001-01-01T00:00:00Z" };
  return { text: btoa(JSON.stringify(parts)), fingerprint };
}

test("a trust token: our certificate is added once and kept; a token that is spent, or of another server, is told", async () => {
  await using lab = await unreached();
  const { text } = await token();
  await lab.directory.write("token", text);
  const settings = `token = "file:./token"\nconfig = "./none"\nproject = "${lab.project.name}"\n`;
  const trusted = async (): Promise<readonly Json[]> =>
    (await api(main.socket, "GET", "/1.0/certificates?recursion=1")).filter((one: Json) => one.name === "newcomer");
  await works(lab, settings);
  expect((await trusted()).length).toBe(1);
  lab.env = { ...lab.env, XDG_STATE_HOME: lab.directory.at("another") };
  expect(await fails(lab, settings)).toContain("trust token");
  const parts: Json = JSON.parse(atob((await token()).text));
  await lab.directory.write("token", btoa(JSON.stringify({ ...parts, fingerprint: "0".repeat(64) })));
  expect(await fails(lab, settings)).toContain("certificate");
  for (const one of await trusted()) await api(main.socket, "DELETE", `/1.0/certificates/${one.fingerprint}`);
});

/** A lab whose requests are seen on their way. */
async function watched() {
  const lab = await Lab.open();
  const watch = await Watch.open(lab.directory.at("socket"), main.socket);
  lab.settings = `socket = "${watch.socket}"\nproject = "${lab.project.name}"\n`;
  return {
    lab,
    watch,
    async [Symbol.asyncDispose]() {
      await watch[Symbol.asyncDispose]();
      await lab[Symbol.asyncDispose]();
    },
  };
}

test("observing many images costs one listing", async () => {
  await using place = await watched();
  const { lab, watch } = place;
  await lab.directory.write("rootfs.squashfs", await bytesOf("rootfs.squashfs"));
  const block = (i: number) =>
    `[image.i${i}]\nbackend = "lab"\nsource = "./rootfs.squashfs"\naliases = ["many-${i}"]\n`;
  await lab.declare(Array.from({ length: 12 }, (_, i) => block(i)).join(""));
  await lab.apply();
  watch.seen.length = 0;
  await lab.settled();
  // Besides the listing, who the server is and which project keeps the images: once a run.
  expect(watch.seen.toSorted()).toEqual(["GET /1.0", "GET /1.0/images", expect.stringMatching(/^GET .1\.0.projects./)]);
});

test("a change that somebody else makes just before ours is met: 412, read again, and both are kept", async () => {
  await using place = await watched();
  const { lab, watch } = place;
  await lab.directory.write("a.tar", await unified(lab.project.name));
  await lab.declare(BLOCK);
  await lab.apply();
  const { fingerprint } = await lab.one();
  await lab.declare(`${BLOCK}public = true\n`);
  let left = 2;
  watch.at = async (moment, what) => {
    if (moment !== "before" || !what.startsWith("PUT /1.0/images/") || left === 0) return;
    const properties = { [`theirs-${left--}`]: "x" };
    await api(main.socket, "PATCH", `/1.0/images/${fingerprint}?project=${lab.project.name}`, { properties });
  };
  await lab.apply();
  // The first one completes the marker of the upload.
  expect(watch.count(/^PUT/)).toBe(4);
  await lab.settled();
  const image = await lab.one();
  expect(image.public).toBe(true);
  expect(image.properties).toMatchObject({ "theirs-1": "x", "theirs-2": "x", "images.owner": "lab/a" });
});

test("an operation that the server forgot, since it was restarted, is found by its result", async () => {
  await using place = await watched();
  const { lab, watch } = place;
  await lab.directory.write("a.tar", await unified(lab.project.name));
  await lab.declare(`${BLOCK}aliases = ["a"]\n`);
  let isOver = false;
  watch.at = async (moment, what) => {
    if (moment !== "after" || what !== "POST /1.0/images" || isOver) return;
    isOver = true;
    while ((await lab.images()).length === 0) await Bun.sleep(20);
    await restart();
  };
  await lab.apply();
  expect(isOver).toBe(true);
  expect(watch.count(/^POST \/1.0\/images$/)).toBe(1);
  expect(names(await lab.one())).toEqual(["a"]);
  await lab.settled();
});

/** An image with the alias `a`, of which other bytes are declared now. */
async function replacing(lab: Lab): Promise<Json> {
  await lab.directory.write("a.tar", await unified(`${lab.project.name} 1`));
  await lab.declare(`${BLOCK}aliases = ["a"]\n`);
  await lab.apply();
  await lab.directory.write("a.tar", await unified(`${lab.project.name} 2`));
  return await lab.one();
}

test("an alias moves in one step once the new image is good, and then the old one goes", async () => {
  await using place = await watched();
  const { lab, watch } = place;
  const { fingerprint } = await replacing(lab);
  watch.seen.length = 0;
  await lab.apply();
  expect(watch.seen.filter((one) => !one.startsWith("GET"))).toEqual([
    "POST /1.0/images",
    expect.stringMatching(/^PUT .1.0.images.[0-9a-f]{64}$/),
    "PUT /1.0/images/aliases/a",
    `DELETE /1.0/images/${fingerprint}`,
  ]);
  await lab.settled();
});

test("an alias that somebody else changes just before it moves: 412, and looked at again; moved to an image of theirs, it stays theirs", async () => {
  await using place = await watched();
  const { lab, watch } = place;
  const at = (path: string) => `/1.0/images${path}?project=${lab.project.name}`;
  const { fingerprint } = await replacing(lab);
  /** Once, just before our own request. */
  const meanwhile = (target: string) => {
    let isOver = false;
    watch.at = async (moment, what) => {
      if (moment !== "before" || what !== "PUT /1.0/images/aliases/a" || isOver) return;
      isOver = true;
      await api(main.socket, "PUT", at("/aliases/a"), { target, description: "theirs" });
    };
  };
  meanwhile(fingerprint);
  watch.seen.length = 0;
  await lab.apply();
  expect(watch.count(/^PUT \/1.0\/images\/aliases\/a$/)).toBe(2);
  await lab.settled();
  const foreign = await api(main.socket, "POST", at(""), await unified("theirs"));
  await lab.directory.write("a.tar", await unified(`${lab.project.name} 3`));
  meanwhile(foreign.fingerprint);
  const said = await lab.run("apply", "--yes");
  expect([said.code, said.stderr.includes("the alias a belongs to another image")]).toEqual([1, true]);
  expect((await api(main.socket, "GET", at("/aliases/a"))).target).toBe(foreign.fingerprint);
});
