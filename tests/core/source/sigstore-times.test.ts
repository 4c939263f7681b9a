import { expect, setDefaultTimeout, test } from "bun:test";
import { signedSums, table, verdictOf } from "./sigstore-kit.ts";

// timestamps.json: RFC 3161 timestamps of the signature in sums.sigstore.json by an authority of @sigstore/mock 0.13.0. The certificate in
// that bundle was good for ten minutes and has expired: what counts is when it was used.

setDefaultTimeout(60_000);

interface Case {
  /** Names in timestamps.json. */
  readonly stamps: readonly string[];
  /** The authority is not in the root that is trusted. */
  readonly isUnknown?: boolean;
  /** The authority had ended before. */
  readonly isOver?: boolean;
}

async function verdict({ stamps, isUnknown = false, isOver = false }: Case): Promise<string> {
  const signed = await signedSums();
  const { material, root, times } = signed;
  material["timestampVerificationData"] = {
    rfc3161Timestamps: stamps.map((name) => ({ signedTimestamp: times[name] })),
  };
  const authority = { ...table(times["authority"]) };
  if (isOver) authority["validFor"] = { start: "2000-01-01T00:00:00Z", end: "2001-01-01T00:00:00Z" };
  if (!isUnknown) root["timestampAuthorities"] = [authority];
  return await verdictOf(signed);
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
