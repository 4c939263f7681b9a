import { expect, setDefaultTimeout, test } from "bun:test";
import { httpStorage, httpWords } from "../../../src/core/store/http/storage.ts";
import { acquireLock, forceUnlock } from "../../../src/core/store/lock.ts";
import { openStore } from "../../../src/core/store/state.ts";
import type { Storage } from "../../../src/core/store/storage.ts";
import { opened, served } from "../net/kit.ts";
import { storageConformance } from "./conformance.ts";
import { at, failureOf, holder, row, signal } from "./help.ts";
import { type StateServer, stateServer } from "./server.ts";

// For a machine that does much else.
setDefaultTimeout(300_000);

interface Place extends AsyncDisposable {
  readonly server: StateServer;
  open(): Storage;
}

function place(kind: "terraform" | "gitlab"): Place {
  const stack = new AsyncDisposableStack();
  const server = stack.use(stateServer(kind));
  const { door: http } = stack.use(opened({ url: server.url.replace("//", "//user:secret@") }));
  return {
    server,
    open: () => httpStorage(http, server.url),
    [Symbol.asyncDispose]: async () => await stack.disposeAsync(),
  };
}

storageConformance("an HTTP server", async () => place("terraform"));

const a = at("lab", "a");
const b = at("lab", "b");
const open = (storage: Storage) => openStore({ storage, operation: "apply", write: true, signal });
const dead = (id: string) => holder(id, { pid: 2 ** 22 + 1 });

test("GitLab's address has words of its own", () => {
  expect(httpWords("https://gitlab.example.org/api/v4/projects/7/terraform/state/images")).toEqual({
    lockAt: "lock",
    lock: "POST",
    unlockAt: "lock",
    unlock: "DELETE",
    update: "POST",
    isLocked: true,
  });
  expect(httpWords("https://example.org/images").lock).toBe("LOCK");
});

test.each(["terraform", "gitlab"] as const)(
  "%s: each put is in the document, and concurrent ones share a write",
  async (kind) => {
    await using here = place(kind);
    {
      await using store = await open(here.open());
      await store.put(a, row("lab", "1"));
      expect(JSON.parse((await here.open().read(signal)).document?.text ?? "")).toEqual(store.state);
      expect(store.state.serial).toBe(1);
      const before = here.server.log.length;
      await Promise.all(Array.from({ length: 50 }, (_, i) => store.put(b, row("lab", `${i}`))));
      expect(here.server.log.slice(before).filter((line) => line.startsWith("POST")).length).toBeLessThanOrEqual(2);
      await store.put(b, row("lab", "49"));
      store.record({ type: "step.note", address: a, text: "goes nowhere" });
    }
    await using reader = await openStore({ storage: here.open(), operation: "plan", write: false, signal });
    expect(reader.state.images).toEqual({ [a]: row("lab", "1"), [b]: row("lab", "49") });
    const posts = here.server.log.filter((line) => line.startsWith("POST") && !line.includes("/lock"));
    expect(reader.state.serial).toBe(posts.length);
    expect(posts.every((line) => line.includes("?ID="))).toBe(true);
  },
);

test.each(["POST", "LOCK", "UNLOCK"])("a %s that arrived, and whose answer was lost, is no failure", async (method) => {
  await using here = place("gitlab");
  {
    await using store = await open(here.open());
    await store.put(a, row("lab", "1"));
  }
  here.server.drop(method);
  {
    await using store = await open(here.open());
    await store.put(a, row("lab", "2"));
  }
  expect((await here.open().read(signal)).document?.text).toContain('"2"');
  expect(await here.open().holder(signal)).toBeUndefined();
});

test("GitLab tells who holds the lock as far as it knows, and never what whoever asks has said", async () => {
  await using here = place("gitlab");
  await using _ = await acquireLock(here.open(), holder("run-1"), { signal });
  const { message, hint } = await failureOf(acquireLock(here.open(), holder("run-2"), { signal }));
  expect(message).toContain("locked by alice, since 2026-01-01");
  expect(hint).toContain("images unlock run-1");
  await forceUnlock(here.open(), "run-1", { signal });
  expect(await here.open().holder(signal)).toBeUndefined();
});

test("a dead holder of this host is taken over, where the server tells so much", async () => {
  await using here = place("terraform");
  await here.open().lock(dead("gone"), signal);
  const answers = await Promise.all(["a", "b", "c", "d"].map((id) => here.open().lock(holder(id), signal)));
  expect(answers.filter((answer) => "lease" in answer).length).toBe(1);
});

test("an unlock always names the id: without one GitLab would take anybody's lock away", async () => {
  await using here = place("gitlab");
  await here.open().lock(holder("run-1"), signal);
  expect(await here.open().unlock("other", signal)).toBe(false);
  expect(here.server.log.at(-1)).toBe("DELETE /api/v4/projects/7/terraform/state/images/lock?ID=other");
});

test("a server that refuses is a failure of the state, with the request and without the password", async () => {
  await using here = place("terraform");
  await using wrong = opened({ url: here.server.url.replace("//", "//user:wrong-secret@") });
  const { code, message, hint } = await failureOf(httpStorage(wrong.door, here.server.url).read(signal));
  expect(code).toBe("state.remote");
  expect(message).toContain("GET");
  expect(`${message} ${hint}`).not.toContain("wrong-secret");
});

test("a change is one request once the lock is held, and a server without locks is used only where that is said", async () => {
  await using here = place("terraform");
  {
    await using store = await open(here.open());
    await store.put(a, row("lab", "1"));
    const before = here.server.log.length;
    for (const id of ["2", "3", "4"]) await store.put(a, row("lab", id));
    expect(here.server.log.slice(before).map((line) => line.split(" ")[0])).toEqual(["POST", "POST", "POST"]);
  }
  let document: string | undefined;
  const methods: string[] = [];
  await using plain = served(async (request) => {
    methods.push(request.method);
    if (request.method === "PUT") document = await request.text();
    if (request.method === "LOCK") return new Response("", { status: 405 });
    return document === undefined ? new Response("", { status: 404 }) : new Response(document);
  });
  await using way = opened({ url: plain.url });
  const refused = await failureOf(open(httpStorage(way.door, plain.url)));
  expect([refused.code, refused.hint]).toEqual(["state.lock", expect.stringContaining("state_lock = false")]);
  methods.length = 0;
  const words = httpWords(plain.url, { lock: false, updateMethod: "PUT" });
  const free = httpStorage(way.door, plain.url, words);
  {
    await using store = await open(free);
    await store.put(a, row("lab", "1"));
    // Somebody else writes in between: without locks that is seen, and refused.
    document = (document ?? "").replace('"1"', '"other"');
    expect((await failureOf(store.put(a, row("lab", "2")))).code).toBe("state.conflict");
    document = document.replace('"other"', '"1"');
  }
  expect(await free.holder(signal)).toBeUndefined();
  expect(new Set(methods)).toEqual(new Set(["GET", "PUT"]));
});

test("the lock where the settings say it is, by their methods", async () => {
  const log: string[] = [];
  let document: string | undefined;
  await using server = served(async (request) => {
    const { pathname } = new URL(request.url);
    log.push(`${request.method} ${pathname}`);
    if (request.method === "PATCH") document = await request.text();
    if (pathname !== "/state") return new Response();
    return document === undefined ? new Response("", { status: 404 }) : new Response(document);
  });
  await using way = opened({ url: `${server.url}/state` });
  const words = httpWords(`${server.url}/state`, {
    lockAddress: `${server.url}/take`,
    lockMethod: "PUT",
    unlockAddress: `${server.url}/give`,
    unlockMethod: "DELETE",
    updateMethod: "PATCH",
  });
  {
    await using store = await open(httpStorage(way.door, `${server.url}/state`, words));
    await store.put(a, row("lab", "1"));
  }
  expect(log).toEqual(["PUT /take", "GET /state", "GET /state", "PATCH /state", "DELETE /give"]);
});
