import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { ANY, attempt, bench, fileSource, never, opening } from "./kit.ts";

// timestamps.json: RFC 3161 timestamps of the signature in sums.sigstore.json by an authority of @sigstore/mock 0.13.0. The certificate in
// that bundle was good for ten minutes and has expired: what counts is when it was used.

setDefaultTimeout(60_000);
const fixture = (name: string) => join(import.meta.dir, "fixtures", name);
const json = async (name: string): Promise<unknown> => await Bun.file(fixture(name)).json();
const isTable = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
function table(value: unknown): Record<string, unknown> {
  if (isTable(value)) return value;
  throw new Error("no table");
}

interface Case {
  /** Names in timestamps.json. */
  readonly stamps: readonly string[];
  /** The time of the log is left out: the authority alone says when it was. */
  readonly isAlone?: boolean;
  /** The authority is not in the root that is trusted. */
  readonly isUnknown?: boolean;
  /** The authority had ended before. */
  readonly isOver?: boolean;
}

async function verdict({ stamps, isUnknown = false, isOver = false }: Case): Promise<string> {
  await using place = await bench();
  const [bundle, root, times] = await Promise.all(
    ["sums.sigstore.json", "trusted_root.json", "timestamps.json"].map(json),
  );
  const material = table(table(bundle)["verificationMaterial"]);
  material["timestampVerificationData"] = {
    rfc3161Timestamps: stamps.map((name) => ({ signedTimestamp: table(times)[name] })),
  };
  const authority = { ...table(table(times)["authority"]) };
  if (isOver) authority["validFor"] = { start: "2000-01-01T00:00:00Z", end: "2001-01-01T00:00:00Z" };
  if (!isUnknown) table(root)["timestampAuthorities"] = [authority];
  const signature = {
    where: await place.file("sums.sigstore.json", JSON.stringify(bundle)),
    key: await place.file("root.json", JSON.stringify(root)),
    identity: "release@example.org",
    issuer: "https://issuer.example.org",
  };
  const source = await place.run().open(fileSource(fixture("SUMS"), { signature }), ANY, opening());
  const { failure } = await attempt(source.open(never));
  return failure === undefined ? "accepted" : failure.code;
}

test("a timestamp while the certificate was good is accepted, now that it has expired", async () => {
  expect(await verdict({ stamps: ["within"] })).toBe("accepted");
  expect(await verdict({ stamps: [] })).toBe("accepted");
});

for (const [what, one] of Object.entries<Case>({
  "after the end of the certificate": { stamps: ["late"] },
  "before its beginning": { stamps: ["early"] },
  "one within it and one after its end": { stamps: ["within", "late"] },
  "of another signature": { stamps: ["other"] },
  "by another key": { stamps: ["stranger"] },
  "by an authority that is not trusted": { stamps: ["within"], isUnknown: true },
  "by an authority that had ended": { stamps: ["within"], isOver: true },
  "twice the same": { stamps: ["within", "within"] },
}))
  test(`a timestamp ${what} is refused`, async () => {
    expect(await verdict(one)).toBe("source.signature");
  });
