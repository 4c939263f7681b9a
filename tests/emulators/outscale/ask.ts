import { createHash, createHmac } from "node:crypto";
import type { Image, ImageExportTask, Snapshot, SnapshotExportTask, Tag, Vm, Volume } from "./model.ts";
import { type OutscaleOptions, startOutscale } from "./start.ts";
import type { StoreKey } from "./store.ts";

/** What the answers have that tests look at. */
export interface Body {
  readonly Errors?: readonly { readonly Code: string; readonly Type: string; readonly Details: string }[];
  readonly Image?: Image;
  readonly Images?: readonly Image[];
  readonly ImageExportTask?: ImageExportTask;
  readonly ImageExportTasks?: readonly ImageExportTask[];
  readonly Snapshot?: Snapshot;
  readonly Snapshots?: readonly Snapshot[];
  readonly SnapshotExportTask?: SnapshotExportTask;
  readonly SnapshotExportTasks?: readonly SnapshotExportTask[];
  readonly Tags?: readonly (Tag & { readonly ResourceId: string; readonly ResourceType: string })[];
  readonly Vms?: readonly Vm[];
  readonly VmStates?: readonly { readonly VmId: string; readonly VmState: string }[];
  readonly Volumes?: readonly Volume[];
  readonly Regions?: readonly { readonly RegionName: string }[];
  readonly Subregions?: readonly { readonly SubregionName: string }[];
  readonly Accounts?: readonly { readonly AccountId: string }[];
  readonly NextPageToken?: string;
  readonly ResponseContext?: { readonly RequestId: string };
}

export interface Asked {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

export type Ask = (action: string, body?: unknown) => Promise<Asked>;

/** Calls actions of an emulator, signed with a key (OSC4) as of a moment in milliseconds. */
export function asker(url: string, key: StoreKey, now: () => number = Date.now): Ask {
  return async (action, given = {}) => {
    const target = new URL(`/api/v1/${action}`, url);
    const body = typeof given === "string" ? given : JSON.stringify(given);
    const response = await fetch(target, { method: "POST", body, headers: signed(target, body, key, now()) });
    const answer: Body = JSON.parse(await response.text());
    return { status: response.status, headers: new Headers(response.headers), body: answer };
  };
}

/** Starts an emulator and opens its parts out: what is in it, its controls, and the first two accounts. */
export async function begin(options: OutscaleOptions = {}) {
  const emulator = await startOutscale(options);
  const { accounts, control, url } = emulator;
  return {
    ...control.seeded,
    emulator,
    control,
    ask: asker(url, accounts[0], options.now),
    other: asker(url, accounts[1], options.now),
    [Symbol.asyncDispose]: async () => await emulator[Symbol.asyncDispose](),
  };
}

/** The headers of a signed request: content type, date and host are signed. */
export function signed(target: URL, body: string, key: StoreKey, now: number): Record<string, string> {
  const date = new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, "");
  const scope = [date.slice(0, 8), "eu-west-2", "api", "osc4_request"];
  const names = "content-type;host;x-osc-date";
  const canonical = [
    "POST",
    target.pathname,
    "",
    `content-type:application/json\nhost:${target.host}\nx-osc-date:${date}\n`,
    names,
    createHash("sha256").update(body).digest("hex"),
  ].join("\n");
  const hash = createHash("sha256").update(canonical).digest("hex");
  const made = [...scope, ["OSC4-HMAC-SHA256", date, scope.join("/"), hash].join("\n")].reduce<string | Buffer>(
    (secret, text) => createHmac("sha256", secret).update(text).digest(),
    `OSC4${key.secretKey}`,
  );
  const signature = Buffer.from(made).toString("hex");
  const credential = `${key.accessKey}/${scope.join("/")}`;
  return {
    "Content-Type": "application/json",
    "X-Osc-Date": date,
    Authorization: `OSC4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names}, Signature=${signature}`,
  };
}
