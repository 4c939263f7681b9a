import { expect, setDefaultTimeout, test } from "bun:test";
import { destinationOf } from "../../src/cli/telemetry/destination.ts";
import { served } from "../core/net/kit.ts";
import { World } from "./world.ts";

// For a machine that does much else.
setDefaultTimeout(300_000);

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];
  readonly status?: { readonly code?: number };
}

const TWO = '[image.a]\nsource = "./a.img"\n[image.b]\nsource = "./b.img"\n';

function collector(status = 200) {
  const got: { readonly path: string; readonly headers: Headers; readonly body: Uint8Array<ArrayBuffer> }[] = [];
  const server = served(async (request) => {
    const body = new Uint8Array(await request.arrayBuffer());
    got.push({ path: new URL(request.url).pathname, headers: request.headers, body });
    return Response.json({}, { status });
  });
  return { ...server, got };
}

const spansOf = (text: string): readonly Span[] =>
  JSON.parse(text).resourceSpans.flatMap((one: { scopeSpans: { spans: Span[] }[] }) =>
    one.scopeSpans.flatMap(({ spans }) => spans),
  );

test("a run is one trace: its images, their phases, the requests; below the span that started it", async () => {
  await using to = collector();
  await using server = served(() => new Response("bytes of a server", { headers: { etag: '"x"' } }));
  await using world = await World.make(`${TWO}[image.web]\nsource = "${server.url}/x.img?token=hidden-token"\n`);
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: `${to.url}/otlp/`,
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_EXPORTER_OTLP_HEADERS: "x-token=secret%20token",
    OTEL_RESOURCE_ATTRIBUTES: "deployment.environment=prod,team=a%2Cb",
    TRACEPARENT: "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01",
  };
  const said = await world.run(["apply", "--yes"], { env });
  expect([said.code, said.stderr]).toEqual([0, expect.not.stringContaining("secret token")]);
  const [only, ...more] = to.got;
  expect([more.length, only?.path, only?.headers.get("x-token")]).toEqual([0, "/otlp/v1/traces", "secret token"]);
  const text = new TextDecoder().decode(only?.body);
  expect(text).not.toContain("hidden-token");
  const spans = spansOf(text);
  const named = (name: string) => spans.find((span) => span.name === name);
  const run = named("images apply");
  expect(run).toMatchObject({ traceId: "0123456789abcdef0123456789abcdef", parentSpanId: "0123456789abcdef" });
  for (const name of ["create store/a", "create store/b", "create store/web"])
    expect(named(name)?.parentSpanId).toBe(run?.spanId);
  const phases = spans.filter(({ parentSpanId }) => parentSpanId === named("create store/web")?.spanId);
  expect(phases.length).toBeGreaterThan(0);
  const requests = spans.filter(({ name }) => /^(GET|HEAD)$/.test(name));
  expect(requests.length).toBeGreaterThan(0);
  const attributes = JSON.parse(text).resourceSpans[0].resource.attributes;
  expect(attributes).toContainEqual({ key: "team", value: { stringValue: "a,b" } });
  expect(attributes).toContainEqual({ key: "service.name", value: { stringValue: "images" } });
});

test("protobuf and gzip, as the variables have it; a failed image is an error in the trace", async () => {
  await using to = collector();
  await using world = await World.make(TWO.replace("./b.img", "./nothere.img"));
  const env = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${to.url}/t`, OTEL_EXPORTER_OTLP_COMPRESSION: "gzip" };
  expect((await world.run(["apply", "--yes"], { env })).code).toBe(1);
  const [only] = to.got;
  expect([only?.path, only?.headers.get("content-type")]).toEqual(["/t", "application/x-protobuf"]);
  const text = new TextDecoder("latin1").decode(Bun.gunzipSync(only?.body ?? new Uint8Array()));
  expect(text).toContain("images apply");
  expect(text).toContain("create store/a");
});

test("a collector that fails, or does not exist, fails no run and is said once", async () => {
  await using to = collector(400);
  for (const url of [to.url, "http://127.0.0.1:1"]) {
    await using world = await World.make(TWO);
    const said = await world.run(["apply", "--yes"], {
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_EXPORTER_OTLP_TIMEOUT: "2000" },
    });
    expect([said.code, said.stderr.match(/the trace of this run is incomplete/g)?.length]).toEqual([0, 1]);
  }
});

test("without the variables nothing is sent, nor where they say so", () => {
  const notes: string[] = [];
  const of = (env: Readonly<Record<string, string>>) => destinationOf(env, "1", (text) => notes.push(text));
  const OTEL_EXPORTER_OTLP_ENDPOINT = "http://h:4318";
  expect(of({})).toBeUndefined();
  expect(of({ OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SDK_DISABLED: "true" })).toBeUndefined();
  expect(of({ OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_EXPORTER: "none" })).toBeUndefined();
  expect(notes).toEqual([]);
  expect(of({ OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" })).toBeUndefined();
  expect(notes.length).toBe(1);
  expect(of({ OTEL_EXPORTER_OTLP_ENDPOINT })).toMatchObject({
    url: "http://h:4318/v1/traces",
    isJson: false,
    timeout: 10,
  });
});
