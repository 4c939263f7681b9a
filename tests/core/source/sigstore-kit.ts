import { join } from "node:path";
import { ANY, attempt, bench, fileSource, never, opening } from "./kit.ts";

// What tests of sigstore bundles share: the bundle and the root of fixtures, changed in parts.

export type Table = Record<string, unknown>;
export const fixture = (name: string): string => join(import.meta.dir, "fixtures", name);
export const isTable = (value: unknown): value is Table => typeof value === "object" && value !== null;
export function table(value: unknown): Table {
  if (isTable(value)) return value;
  throw new Error("no table");
}

/** The signature of SUMS, the root that is trusted, and timestamps of that signature, to be changed. */
export interface SignedSums {
  readonly bundle: Table;
  readonly material: Table;
  readonly root: Table;
  readonly times: Table;
}

export async function signedSums(): Promise<SignedSums> {
  const read = async (name: string): Promise<Table> => table(await Bun.file(fixture(name)).json());
  const [bundle, root, times] = await Promise.all([
    read("sums.sigstore.json"),
    read("trusted_root.json"),
    read("timestamps.json"),
  ]);
  return { bundle, material: table(bundle["verificationMaterial"]), root, times };
}

/** What comes of an image with that bundle and root: "accepted", or the code of the failure. */
export async function verdictOf({ bundle, root }: SignedSums, image = fixture("SUMS")): Promise<string> {
  await using place = await bench();
  const signature = {
    where: await place.file("sums.sigstore.json", JSON.stringify(bundle)),
    key: await place.file("root.json", JSON.stringify(root)),
    identity: "release@example.org",
    issuer: "https://issuer.example.org",
  };
  const source = await place.run().open(fileSource(image, { signature }), ANY, opening());
  const { failure } = await attempt(source.open(never));
  return failure === undefined ? "accepted" : failure.code;
}
