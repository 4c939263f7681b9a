import { type Context, Failure, isSameSet } from "images";
import type { LinodeClient } from "./client.ts";
import { held } from "./image.ts";
import type { LinodeWatch } from "./watch.ts";
import type { LinodeImageAnswer } from "./wire.ts";

/**
 * Brings an image to exactly these regions, at least one. The API refuses a set without a region that holds the image already: then it
 * is copied to the new ones first, and leaves the old ones after that.
 * @param wait until all of them have it
 */
export async function replicate(
  { client, watch }: { readonly client: LinodeClient; readonly watch: LinodeWatch },
  image: LinodeImageAnswer,
  wanted: readonly string[],
  wait: boolean | undefined,
  context: Pick<Context, "signal" | "progress">,
): Promise<LinodeImageAnswer> {
  const { signal } = context;
  const regions = [...new Set(wanted)].sort();
  let now = image;
  const ask = async (set: readonly string[]) => {
    now = await client.replicate(now.id, set, signal);
  };
  if (!isSameSet(held(now), regions)) {
    if (!regions.some((region) => available(now).includes(region))) {
      await ask([...available(now).slice(0, 1), ...regions]);
      now = await watch.until(now.id, arrived(regions, "some"), signal);
    }
    // A copy that was given up is begun again only after it has been left out.
    const lost = givenUp(now, regions);
    if (lost.length > 0) await ask(regions.filter((region) => !lost.includes(region)));
    if (!isSameSet(held(now), regions)) await ask(regions);
  }
  if (wait !== true || arrived(regions, "every")(now) !== undefined) return now;
  const reportReplicas = (image: LinodeImageAnswer): void => {
    const there = regions.filter((region) => available(image).includes(region));
    const missing = regions.filter((region) => !there.includes(region)).map((region) => statusIn(image, region));
    context.progress("wait", there.length, regions.length, `replicas (${missing.join(", ")})`);
  };
  reportReplicas(now);
  return await watch.until(
    now.id,
    (seen) => {
      reportReplicas(seen);
      return arrived(regions, "every")(seen);
    },
    signal,
  );
}

/** `us-east: pending replication`. */
const statusIn = ({ regions }: LinodeImageAnswer, region: string): string =>
  `${region}: ${regions?.find((one) => one.region === region)?.status ?? "missing"}`;

/** The region that an image is in if no replicas are declared: where it was made, else the first that has it. */
export function homeOf(image: LinodeImageAnswer, made: string | undefined): readonly string[] {
  const there = available(image);
  return made !== undefined && there.includes(made) ? [made] : there.slice(0, 1);
}

const available = ({ regions }: LinodeImageAnswer): readonly string[] =>
  (regions ?? []).flatMap(({ region, status }) => (status === "available" ? [region] : []));

const givenUp = ({ regions }: LinodeImageAnswer, wanted: readonly string[]): readonly string[] =>
  (regions ?? []).flatMap(({ region, status }) => (status === "timedout" && wanted.includes(region) ? [region] : []));

/** Sees that the image is in some or every one of these regions. @throws Failure when the copy to one of them was given up */
const arrived =
  (wanted: readonly string[], how: "some" | "every") =>
  (image: LinodeImageAnswer): LinodeImageAnswer | undefined => {
    const lost = givenUp(image, wanted);
    if (lost.length > 0)
      throw new Failure("backend.replica", `${image.id} was not replicated to ${lost.join(", ")} in time`, {
        hint: "apply again, or remove the region from replica_regions",
      });
    const there = available(image);
    const isThere = (region: string) => there.includes(region);
    return (how === "some" ? wanted.some(isThere) : wanted.every(isThere)) ? image : undefined;
  };
