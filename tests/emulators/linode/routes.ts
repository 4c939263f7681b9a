import {
  getDisk,
  getEvent,
  getInstance,
  getProfile,
  getRegion,
  listDisks,
  listEvents,
  listInstances,
  listRegions,
} from "./account.ts";
import type { Handler } from "./call.ts";
import { createImage, deleteImage, getImage, listImages, updateImage, uploadImage } from "./images.ts";
import { addMember, changeMember, getMember, listMembers, removeMember } from "./members.ts";
import type { RateKind } from "./rates.ts";
import { replicateImage } from "./replicas.ts";
import {
  addGroupImages,
  changeGroup,
  changeGroupImage,
  createGroup,
  deleteGroup,
  deleteGroupImage,
  getGroup,
  listGroupImages,
  listGroups,
  listImageGroups,
} from "./sharegroups.ts";
import { getType, listTypes } from "./types.ts";

export interface Route {
  readonly method: string;
  /** Tested against the decoded path after the version; its groups are the parameters of the call. */
  readonly path: RegExp;
  /** Of the API description. */
  readonly operation: string;
  readonly handler: Handler;
  readonly rate: RateKind;
  /** True when it answers without a token too. */
  readonly isPublic: boolean;
  /** True when only /v4beta has it. */
  readonly isBeta: boolean;
}

/** An image id has a slash in it, which clients send as it is or as %2F; one without is nobody's. */
const image = "((?:private|shared|linode)/[^/]+|[^/]+)";
const group = "(\\d+)";
const disks = "/linode/instances/(\\d+)/disks";

/** In this order, because `upload` and `sharegroups` would be image ids too. */
export const routes: readonly Route[] = [
  route("GET", "/images", "get-images", listImages, { rate: "images", isPublic: true }),
  route("POST", "/images", "post-image", createImage),
  route("POST", "/images/upload", "post-upload-image", uploadImage),
  beta("GET", "/images/sharegroups", "get-sharegroups", listGroups),
  beta("POST", "/images/sharegroups", "post-sharegroup", createGroup),
  beta("GET", `/images/sharegroups/${group}`, "get-sharegroup", getGroup),
  beta("PUT", `/images/sharegroups/${group}`, "put-sharegroup", changeGroup),
  beta("DELETE", `/images/sharegroups/${group}`, "delete-sharegroup", deleteGroup),
  beta("GET", `/images/sharegroups/${group}/images`, "get-sharegroup-images", listGroupImages),
  beta("POST", `/images/sharegroups/${group}/images`, "post-sharegroup-images", addGroupImages),
  beta("PUT", `/images/sharegroups/${group}/images/${image}`, "put-sharegroup-image", changeGroupImage),
  beta("DELETE", `/images/sharegroups/${group}/images/${image}`, "delete-sharegroup-image", deleteGroupImage),
  beta("GET", `/images/sharegroups/${group}/members`, "get-sharegroup-members", listMembers),
  beta("POST", `/images/sharegroups/${group}/members`, "post-sharegroup-members", addMember),
  beta("GET", `/images/sharegroups/${group}/members/([^/]+)`, "get-sharegroup-member", getMember),
  beta("PUT", `/images/sharegroups/${group}/members/([^/]+)`, "put-sharegroup-member", changeMember),
  beta("DELETE", `/images/sharegroups/${group}/members/([^/]+)`, "delete-sharegroup-member", removeMember),
  route("GET", `/images/${image}`, "get-image", getImage, { isPublic: true }),
  route("PUT", `/images/${image}`, "put-image", updateImage),
  route("DELETE", `/images/${image}`, "delete-image", deleteImage),
  route("POST", `/images/${image}/regions`, "post-replicate-image", replicateImage),
  beta("GET", `/images/${image}/sharegroups`, "get-image-sharegroups", listImageGroups),
  route("GET", "/regions", "get-regions", listRegions, { rate: "listing", isPublic: true }),
  route("GET", "/regions/([^/]+)", "get-region", getRegion, { isPublic: true }),
  route("GET", "/linode/types", "get-linode-types", listTypes, { rate: "listing", isPublic: true }),
  route("GET", "/linode/types/([^/]+)", "get-linode-type", getType, { isPublic: true }),
  route("GET", "/linode/instances", "get-linode-instances", listInstances, { rate: "listing" }),
  route("GET", "/linode/instances/(\\d+)", "get-linode-instance", getInstance),
  route("GET", disks, "get-linode-disks", listDisks, { rate: "listing" }),
  route("GET", `${disks}/(\\d+)`, "get-linode-disk", getDisk),
  route("GET", "/account/events", "get-events", listEvents, { rate: "listing" }),
  route("GET", "/account/events/(\\d+)", "get-event", getEvent),
  route("GET", "/profile", "get-profile", getProfile),
];

type Traits = Partial<Pick<Route, "rate" | "isPublic" | "isBeta">>;

function route(method: string, path: string, operation: string, handler: Handler, traits: Traits = {}): Route {
  const expression = new RegExp(`^${path}$`);
  return { method, path: expression, operation, handler, rate: "other", isPublic: false, isBeta: false, ...traits };
}

function beta(method: string, path: string, operation: string, handler: Handler): Route {
  return route(method, path, operation, handler, { isBeta: true, rate: method === "GET" ? "listing" : "other" });
}
