type Env = Readonly<Record<string, string | undefined>>;

/** Where traces go, as the OTEL_* variables say. */
export interface Destination {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly isJson: boolean;
  readonly isCompressed: boolean;
  /** Seconds for one request. */
  readonly timeout: number;
  readonly resource: Readonly<Record<string, string>>;
  /** The trace that this run is a part of: TRACEPARENT. */
  readonly parent?: { readonly traceId: string; readonly spanId: string; readonly traceFlags: number };
}

/** Undefined: nobody wants traces, and nothing of OpenTelemetry is loaded. `note` says what cannot be done. */
export function destinationOf(env: Env, version: string, note: (text: string) => void): Destination | undefined {
  const said = (name: string): string | undefined =>
    env[`OTEL_EXPORTER_OTLP_TRACES_${name}`] ?? env[`OTEL_EXPORTER_OTLP_${name}`];
  const whole = env["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
  const base = env["OTEL_EXPORTER_OTLP_ENDPOINT"];
  const url = whole ?? (base === undefined || base === "" ? "" : `${base.replace(/\/+$/, "")}/v1/traces`);
  const isOff = env["OTEL_SDK_DISABLED"]?.toLowerCase() === "true" || env["OTEL_TRACES_EXPORTER"] === "none";
  if (url === "" || isOff) return undefined;
  const protocol = said("PROTOCOL") ?? "http/protobuf";
  if (!/^http\/(protobuf|json)$/.test(protocol) || !URL.canParse(url) || !/^https?:/.test(url)) {
    note(
      `warning: no traces: ${protocol} to ${URL.canParse(url) ? new URL(url).origin : "an invalid URL"} is not OTLP over HTTP`,
    );
    return undefined;
  }
  const parent = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(env["TRACEPARENT"] ?? "");
  const [, traceId, spanId, flags] = parent ?? [];
  return {
    url,
    headers: pairs(said("HEADERS")),
    isJson: protocol === "http/json",
    isCompressed: said("COMPRESSION") === "gzip",
    timeout: Number(said("TIMEOUT") ?? 10_000) / 1000 || 10,
    resource: {
      ...pairs(env["OTEL_RESOURCE_ATTRIBUTES"]),
      "service.name": env["OTEL_SERVICE_NAME"] ?? pairs(env["OTEL_RESOURCE_ATTRIBUTES"])["service.name"] ?? "images",
      "service.version": version,
    },
    ...(traceId === undefined || spanId === undefined || flags === undefined
      ? {}
      : { parent: { traceId, spanId, traceFlags: Number.parseInt(flags, 16) } }),
  };
}

/** `a=1,b=2`, percent-encoded. */
function pairs(text = ""): Record<string, string> {
  return Object.fromEntries(
    text.split(",").flatMap((pair): [string, string][] => {
      const at = pair.indexOf("=");
      return at < 1 ? [] : [[pair.slice(0, at).trim(), decoded(pair.slice(at + 1).trim())]];
    }),
  );
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
