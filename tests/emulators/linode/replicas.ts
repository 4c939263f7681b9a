import type { Call } from "./call.ts";
import { own } from "./images.ts";
import { invalid } from "./refusal.ts";
import { keepsImages } from "./regions.ts";
import { fieldsOf } from "./rules.ts";
import type { Image, ImageRegion, RegionStatus } from "./wire.ts";
import type { World } from "./world.ts";

/**
 * POST /images/{id}/regions: the complete set of regions that are to hold the image. New ones go from "pending
 * replication" over "replicating" to "available"; those left out are "pending deletion" until they are gone.
 */
export function replicateImage(world: World, call: Call): unknown {
  const image = own(world, call);
  const wanted = wantedRegions(fieldsOf(call.body)["regions"]);
  if (image.status !== "available") throw invalid("Image must be available to be replicated.");
  const held = image.regions ?? [];
  refuseUnfit(world, wanted, held);
  const kept = held.map((one) => keptOrNot(world, image.id, one, wanted.includes(one.region)));
  const added = wanted.filter((region) => !held.some((one) => one.region === region));
  const changed = world.change(image, {
    regions: [...kept, ...added.map((region) => ({ region, status: "pending replication" }) as const)],
  });
  for (const region of added) replicate(world, image.id, region);
  return changed;
}

function wantedRegions(value: unknown): readonly string[] {
  if (value === undefined || value === null) throw invalid("Regions are required.", "regions");
  if (!Array.isArray(value) || value.some((one) => typeof one !== "string")) {
    throw invalid("Must be a list of Strings", "regions");
  }
  if (value.length === 0) throw invalid("Must specify at least one region.", "regions");
  return [...new Set(value)];
}

function refuseUnfit(world: World, wanted: readonly string[], held: readonly ImageRegion[]): void {
  for (const id of wanted) {
    const region = world.regions.find((one) => one.id === id);
    if (region === undefined) throw invalid("region is not valid", "regions");
    const isHeld = held.some((one) => one.region === id);
    if (!isHeld && !keepsImages(region)) throw invalid(`${id} does not support image storage.`, "regions");
  }
  const isSomewhere = held.some((one) => one.status === "available" && wanted.includes(one.region));
  if (!isSomewhere) throw invalid("At least one region must be one where the image is available.");
}

function keptOrNot(world: World, id: string, one: ImageRegion, isWanted: boolean): ImageRegion {
  const subject = `${id}@${one.region}`;
  if (isWanted) {
    if (one.status !== "pending deletion") return one;
    world.progress.forget(subject);
    return { ...one, status: "available" };
  }
  if (one.status === "pending deletion") return one;
  world.progress.forget(subject);
  world.progress.begin(subject, world.pace, () => setRegion(world, id, one.region, undefined));
  return { ...one, status: "pending deletion" };
}

function replicate(world: World, id: string, region: string): void {
  const subject = `${id}@${region}`;
  world.progress.begin(subject, world.pace, () => {
    setRegion(world, id, region, "replicating");
    world.progress.begin(subject, world.pace, () => {
      const fails = world.failingReplicas > 0;
      if (fails) world.failingReplicas -= 1;
      setRegion(world, id, region, fails ? "timedout" : "available");
    });
  });
}

/** Sets the status of one region, or takes it away; `total_size` counts the regions that hold the image. */
function setRegion(world: World, id: string, region: string, status: RegionStatus | undefined): void {
  world.changeIfThere(id, (image) => {
    const others = (image.regions ?? []).flatMap((one): readonly ImageRegion[] => {
      if (one.region !== region) return [one];
      return status === undefined ? [] : [{ region, status }];
    });
    return { regions: others, total_size: totalSize(image, others) };
  });
}

function totalSize(image: Image, held: readonly ImageRegion[]): number {
  return image.size * held.filter(({ status }) => status === "available").length;
}
