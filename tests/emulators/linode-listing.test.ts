import { expect, test } from "bun:test";
import { asker } from "./linode/ask.ts";
import { standing } from "./linode/headers.ts";
import { startLinode } from "./linode/start.ts";

test("pages have 100 items, or as many as are asked for, and an empty listing of images has none", async () => {
  await using emulator = await startLinode();
  const ask = asker(emulator.url);
  for (let at = 0; at < 60; at += 1) emulator.control.addImage({ label: `image ${at}` });
  const first = await ask("GET", "/v4/images?page_size=25");
  expect([first.body.page, first.body.pages, first.body.results, first.body.data?.length]).toEqual([1, 4, 84, 25]);
  expect(Object.keys(first.body)).toEqual(["pages", "data", "results", "page"]);
  const ids = new Set<string>();
  for (const page of [1, 2, 3, 4]) {
    const { data } = (await ask("GET", `/v4/images?page=${page}&page_size=25`)).body;
    for (const { id } of data ?? []) ids.add(id);
  }
  expect(ids.size).toBe(84);
  const none = await ask("GET", "/v4/images", undefined, { "x-filter": '{"label":"none"}' });
  expect(none.body).toEqual({ pages: 0, data: [], results: 0, page: 0 });
  const events = await ask("GET", "/v4/account/events");
  expect(events.text).toBe('{"data":[],"page":1,"pages":1,"results":0}');
});

const filters: readonly (readonly [string, object, readonly string[]])[] = [
  ["equal", { label: "b" }, ["b"]],
  ["several keys", { type: "manual", is_public: false, label: "a" }, ["a"]],
  ["+or", { "+or": [{ label: "a" }, { label: "c" }] }, ["a", "c"]],
  ["+and", { "+and": [{ is_public: false }, { size: { "+gte": 20 } }] }, ["b", "c"]],
  ["+gt and +lt", { is_public: false, size: { "+gt": 10, "+lt": 30 } }, ["b"]],
  ["+lte", { is_public: false, size: { "+lte": 10 } }, ["a"]],
  ["+neq", { is_public: false, label: { "+neq": "b" } }, ["a", "c"]],
  ["+contains", { is_public: false, label: { "+contains": "c" } }, ["c"]],
  ["a tag", { tags: "two" }, ["b", "c"]],
  ["part of a tag", { tags: { "+contains": "on" } }, ["a", "b"]],
  ["status", { status: "creating" }, ["c"]],
  ["order", { is_public: false, "+order_by": "size", "+order": "desc" }, ["c", "b", "a"]],
  ["nobody's vendor", { vendor: null, "+order_by": "label" }, ["a", "b", "c"]],
];

test.each(filters)("X-Filter: %s", async (_name, filter, labels) => {
  await using emulator = await startLinode();
  const { control } = emulator;
  control.addImage({ label: "a", size: 10, tags: ["one"] });
  control.addImage({ label: "b", size: 20, tags: ["one", "two"] });
  control.addImage({ label: "c", size: 30, tags: ["two"], status: "creating" });
  const listed = await asker(emulator.url)("GET", "/v4/images", undefined, { "x-filter": JSON.stringify(filter) });
  const byId = new Map(control.images().map(({ id, label }) => [id, label]));
  expect(listed.body.data?.map(({ id }) => byId.get(id))).toEqual([...labels]);
});

test("events are filtered by nested keys, and ordered", async () => {
  await using emulator = await startLinode();
  const ask = asker(emulator.url);
  const [a, b] = [emulator.control.addImage(), emulator.control.addImage()];
  for (const { id } of [a, b, a]) await ask("PUT", `/v4/images/${id}`, { label: "changed" });
  const id = Number(a.id.split("/")[1]);
  const filter = { "entity.id": id, "entity.type": "image", "+order_by": "id", "+order": "asc" };
  const { data } = (await ask("GET", "/v4/account/events", undefined, { "x-filter": JSON.stringify(filter) })).body;
  expect(data).toMatchObject([{ action: "image_update", entity: { id } }, { entity: { id } }]);
  expect(Number(data?.[0]?.id)).toBeLessThan(Number(data?.[1]?.id));
});

test("without a token only public images and regions are shown", async () => {
  await using emulator = await startLinode({ token: "a-token" });
  const { id } = emulator.control.addImage();
  const ask = async (path: string) => await fetch(`${emulator.url}${path}`);
  const ids = JSON.stringify(await (await ask("/v4/images")).json());
  expect([ids.includes("linode/debian12"), ids.includes(id)]).toEqual([true, false]);
  const statuses = ["/v4/images/linode/debian12", `/v4/images/${id}`, "/v4/regions/us-ord", "/v4/profile"];
  expect(await Promise.all(statuses.map(async (path) => (await ask(path)).status))).toEqual([200, 404, 200, 401]);
});

test("every answer has the headers of the server, and its rates", async () => {
  let now = 1_700_000_000_000;
  await using emulator = await startLinode({ now: () => now });
  const ask = asker(emulator.url);
  const { headers } = await ask("GET", "/v4/images");
  for (const [name, value] of Object.entries(standing)) expect([name, headers.get(name)]).toEqual([name, value]);
  const rates = (of: Headers) => ["limit", "remaining", "reset"].map((name) => Number(of.get(`x-ratelimit-${name}`)));
  expect(rates(headers)).toEqual([20, 19, 1_700_000_060]);
  expect(headers.get("retry-after")).toBe("60");
  now += 15_000;
  const later = (await ask("GET", "/v4/images")).headers;
  expect([...rates(later), later.get("retry-after")]).toEqual([20, 18, 1_700_000_060, "45"]);
  expect(rates((await ask("GET", "/v4/regions")).headers)[0]).toBe(200);
  expect(rates((await ask("GET", "/v4/profile")).headers)[0]).toBe(1600);
});

test("the 21st listing of images in a minute is refused when limits are kept, and only then", async () => {
  let now = 1_700_000_000_000;
  await using emulator = await startLinode({ isLimiting: true, now: () => now });
  const ask = asker(emulator.url);
  const statuses = async () => {
    const answers = [];
    for (let at = 0; at < 21; at += 1) answers.push((await ask("GET", "/v4/images?page_size=25")).status);
    return answers;
  };
  expect((await statuses()).lastIndexOf(200)).toBe(19);
  const refused = await ask("GET", "/v4/images");
  expect([refused.status, refused.body.errors]).toEqual([429, [{ reason: "Too many requests" }]]);
  expect(refused.headers.get("retry-after")).toBe("60");
  expect((await ask("GET", "/v4/images/linode/debian12")).status).toBe(200);
  now += 60_000;
  expect((await ask("GET", "/v4/images")).status).toBe(200);
  emulator.control.limit(false);
  expect(await statuses()).not.toContain(429);
  expect(emulator.log.count({ operation: "get-images", status: 429 })).toBe(2);
});

test("v4 has no share groups, v4beta has", async () => {
  await using emulator = await startLinode();
  const ask = asker(emulator.url);
  const source = emulator.control.addImage({ label: "to share" }).id;
  expect((await ask("GET", `/v4/images/${source}/sharegroups`)).status).toBe(404);
  const group = (await ask("POST", "/v4beta/images/sharegroups", { label: "friends" })).body.id;
  const path = `/v4beta/images/sharegroups/${group}`;
  const added = await ask("POST", `${path}/images`, { images: [{ id: source, label: "for friends" }] });
  const shared = added.body.data?.[0]?.id ?? "";
  expect(added.body.data?.[0]).toMatchObject({
    label: "for friends",
    type: "shared",
    is_shared: null,
    created_by: null,
  });
  expect(shared).toStartWith("shared/");
  const one = async () => (await ask("GET", `/v4/images/${source}`)).body;
  expect(await one()).toMatchObject({ is_shared: true, image_sharing: { shared_with: { sharegroup_count: 1 } } });
  expect((await ask("GET", `/v4beta/images/${source}/sharegroups`)).body.data?.[0]?.id).toBe(group);
  expect((await ask("DELETE", `/v4/images/${shared}`)).status).toBe(403);
  expect((await ask("GET", `${path}/images`)).body.results).toBe(1);
  expect((await ask("DELETE", `${path}/images/${shared.replace("/", "%2F")}`)).body).toEqual({});
  expect(await one()).toMatchObject({ is_shared: true, image_sharing: { shared_with: { sharegroup_count: 0 } } });
  expect((await ask("DELETE", path)).status).toBe(200);
  expect((await ask("GET", "/v4beta/images/sharegroups")).body.data).toEqual([]);
  expect((await ask("GET", path)).status).toBe(404);
});
