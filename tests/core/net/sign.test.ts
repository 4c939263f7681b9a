import { expect, test } from "bun:test";
import { S3Client } from "bun";
import { presigned, type Signer, signatureOf, signedHeaders } from "../../../src/core/net/sign.ts";
import vectors from "../../emulators/outscale/vectors/sigv4.json";

interface Vector {
  readonly client: string;
  readonly access_key: string;
  readonly secret_key: string | null;
  readonly request: { readonly method: string; readonly path: string; readonly headers: object };
  readonly canonical_host_used: string | null;
  readonly canonical_request: string | null;
  readonly signature: string | null;
}

const all: readonly Vector[] = vectors;
const signed = all.filter(({ signature }) => signature !== null);

test("makes the signatures that other clients make", () => {
  expect(signed.length).toBeGreaterThanOrEqual(6);
  for (const { client, request, access_key, secret_key, canonical_request, canonical_host_used, signature } of signed) {
    const headers = new Map(
      Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), String(value)]),
    );
    const claim = headers.get("authorization") ?? "";
    const [, family, , region = "", service = ""] =
      /^(\w+4)-\S+ Credential=[^/]+\/(\d+)\/([^/]+)\/([^/]+)\//.exec(claim) ?? [];
    const names = /SignedHeaders=([^,]+)/.exec(claim)?.[1]?.split(";") ?? [];
    if (family !== "OSC4" && family !== "AWS4") throw new Error(`${client}: ${claim} is of no known family`);
    const signer: Signer = {
      family,
      keys: { accessKey: access_key, secretKey: secret_key ?? "" },
      region,
      service,
    };
    const made = signatureOf(
      {
        method: request.method,
        path: request.path,
        query: "",
        headers: Object.fromEntries(
          names.map((name) => [name, name === "host" ? (canonical_host_used ?? "") : (headers.get(name) ?? "")]),
        ),
        payload: canonical_request?.split("\n").at(-1) ?? "",
      },
      signer,
      headers.get("x-osc-date") ?? headers.get("x-amz-date") ?? "",
    );
    expect([client, made]).toEqual([client, signature ?? ""]);
  }
});

// The examples of Amazon's documentation of version 4: "GET Object" by a pre-signed URL.
test("pre-signs a URL as the documentation of S3 does", () => {
  const keys = { accessKey: "AKIAIOSFODNN7EXAMPLE", secretKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" };
  const signer: Signer = { family: "AWS4", keys, region: "us-east-1", service: "s3" };
  const url = presigned(
    new URL("https://examplebucket.s3.amazonaws.com/test.txt"),
    signer,
    new Date("2013-05-24T00:00:00Z"),
    86_400,
  );
  expect(new URL(url).searchParams.get("X-Amz-Signature")).toBe(
    "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
  );
});

test("signs the body, the query and names that need escaping", () => {
  const keys = { accessKey: "AKIAIOSFODNN7EXAMPLE", secretKey: "s" };
  const signer: Signer = { family: "AWS4", keys, region: "r", service: "s3" };
  const at = new Date("2026-01-02T03:04:05Z");
  const of = (url: string, body?: string) => signedHeaders({ method: "PUT", url: new URL(url), body }, signer, at);
  const plain = of("http://h/b/k");
  expect(plain["x-amz-content-sha256"]).toBe("UNSIGNED-PAYLOAD");
  expect(plain["x-amz-date"]).toBe("20260102T030405Z");
  expect(of("http://h/b/k", "x")["authorization"]).not.toBe(plain["authorization"]);
  expect(of("http://h/b/k?b=2&a=1")).toEqual(of("http://h/b/k?a=1&b=2"));
  expect(of("http://h/b/(k)")).toEqual(of("http://h/b/%28k%29"));
});

test("a signed link of temporary credentials carries their token, as another client signs it", () => {
  const keys = { accessKey: "ASIAEXAMPLE", secretKey: "secret/key", sessionToken: "a+token/with=signs" };
  const client = new S3Client({
    accessKeyId: keys.accessKey,
    secretAccessKey: keys.secretKey,
    sessionToken: keys.sessionToken,
    region: "eu-west-2",
    bucket: "b",
    endpoint: "http://127.0.0.1:9000",
  });
  const theirs = new URL(client.presign("a/disk.raw", { expiresIn: 60, method: "GET" }));
  const stamp = theirs.searchParams.get("X-Amz-Date") ?? "";
  const at = new Date(stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"));
  const signer = { family: "AWS4", keys, region: "eu-west-2", service: "s3" } as const;
  const ours = new URL(presigned(new URL(`${theirs.origin}${theirs.pathname}`), signer, at, 60));
  expect(Object.fromEntries(ours.searchParams)).toEqual(Object.fromEntries(theirs.searchParams));
});
