import type { Policy, Resource } from "../model/declaration.ts";
import { ALGORITHMS, type Algorithm, nameOf, STRONG } from "../model/digest.ts";
import type { Address, BackendName } from "../model/name.ts";
import type { FilePosition } from "../model/position.ts";
import type { SourceSpec } from "../model/source.ts";
import type { Plugin } from "../plugin.ts";
import { nameIn } from "./naming.ts";
import type { Node } from "./node.ts";
import type { DeclaredOrigin, OriginAttributes } from "./origins.ts";
import type { Problems } from "./problems.ts";

interface Rules {
  readonly policy: Policy;
  readonly problems: Problems;
}
type Tell = (at: FilePosition, message: string, hint: string) => void;

const isHttp = (text: string): boolean => /^http:\/\//i.test(text);
const teller =
  (problems: Problems): Tell =>
  (at, message, hint) =>
    problems.error("config.policy", `${message}, and [policy] requires it`, { at, hint });

/** `[policy]` for a source: reported where it is. Whether the bytes of another image are proven is reported by `checkChains`. */
export function checkSource(spec: SourceSpec, { policy, problems }: Rules): void {
  const tell = teller(problems);
  // Both parts of an image; a signature is over the disk.
  if (spec.kind === "url" && spec.metadata !== undefined)
    checkSource({ ...spec.metadata, ...(spec.signature && { signature: spec.signature }) }, { policy, problems });
  const { checksum, signature, at } = spec;
  // The bytes of another image, or those that another state has accepted.
  const isElsewhere = spec.kind === "image" || spec.kind === "promoted";
  if (policy.require.includes("checksum") && checksum === undefined && !isElsewhere)
    tell(at, "the source has no checksum", 'checksum = "sha256:…" in source');
  else checkAlgorithm(spec, policy, problems);
  if (policy.require.includes("signature") && signature === undefined && !isElsewhere)
    tell(at, "the source has no signature", "signature and key in source");
  if (!policy.require.includes("https")) return;
  const sums = checksum?.kind === "sums" ? [checksum.where, ...(checksum.elsewhere ?? [])] : [];
  const urls = [
    ...(spec.kind === "url" ? spec.urls : []),
    ...sums,
    ...(signature === undefined ? [] : [signature.where, ...(signature.elsewhere ?? [])]),
  ];
  if (urls.some(isHttp)) tell(at, "not every URL is https://", "use https:// instead of http://");
}

/** md5 and sha1 do not protect against an attacker: they count only if they are named. */
function checkAlgorithm({ checksum, at }: SourceSpec, { require, algorithms }: Policy, problems: Problems): void {
  if (checksum === undefined || (algorithms === undefined && !require.includes("checksum"))) return;
  const counts = algorithms ?? STRONG;
  const name =
    checksum.kind === "digest" ? nameOf(checksum.digest) : ALGORITHMS.find((one) => one === checksum.algorithm);
  const strongest = [...counts].sort((a, b) => rank(b) - rank(a))[0] ?? "sha256";
  if (name === undefined) {
    if (STRONG.every((one) => counts.includes(one))) return;
    problems.error("config.policy", "[policy] algorithms requires an algorithm before the sums file", {
      at,
      hint: `sums = "${strongest}:…"`,
    });
  } else if (!counts.includes(name))
    problems.error("config.policy", `${name} is not accepted as a checksum by [policy]`, {
      at,
      hint: `use ${strongest}, or allow it: [policy] algorithms = ["${name}", …]`,
    });
}

const rank = (name: Algorithm): number => ALGORITHMS.indexOf(name);

/** `[policy]` for an image that the backend makes by itself: the digest of its origin is known, or it is refused. */
export function checkOrigin(
  { label, at, origin }: DeclaredOrigin,
  attributes: OriginAttributes,
  { policy, problems }: Rules,
): void {
  if (origin === undefined) return;
  const tell = teller(problems);
  const elsewhere = "create the image from a source with it";
  if (policy.require.includes("checksum") && origin.digest !== true)
    tell(at, `${label}: the backend reports no checksum of an image ${origin.name}`, elsewhere);
  if (policy.require.includes("signature")) tell(at, `${label}: the backend does not verify signatures`, elsewhere);
  const values = origin.needs.flatMap((name) => attributes.get(name)?.value ?? []);
  if (policy.require.includes("https") && values.flatMap(textsIn).some(isHttp))
    tell(at, `${label}: not every URL is https://`, "use https:// instead of http://");
}

function textsIn(node: Node): readonly string[] {
  if (node.kind === "text") return [node.value];
  if (node.kind === "list") return node.items.flatMap(textsIn);
  return node.kind === "table" ? [...node.entries.values()].flatMap(({ value }) => textsIn(value)) : [];
}

/**
 * `image = "…"`: the bytes are proven where that image is made, or by what is declared here. What an
 * image that already existed is made of is not known.
 */
export function checkChains(
  resources: readonly Resource[],
  plugins: ReadonlyMap<BackendName, Plugin>,
  { policy, problems }: Rules,
): void {
  const tell = teller(problems);
  const all = new Map(resources.map((one) => [one.address, one]));
  for (const { source } of resources) {
    if (source?.kind !== "image") continue;
    for (const kind of ["checksum", "signature"] as const) {
      if (!policy.require.includes(kind)) continue;
      const unproven = unprovenIn(source, kind, all, plugins);
      if (unproven === undefined) continue;
      const what = `the bytes of ${unproven} cannot be verified (no ${kind})`;
      tell(source.at, what, kind === "checksum" ? 'checksum = "sha256:…" in source' : "signature and key in source");
    }
  }
}

/** The image at the end of a chain of images that none of them proves. What is wrong with a source or an origin is reported at its own place. */
function unprovenIn(
  start: SourceSpec,
  kind: "checksum" | "signature",
  all: ReadonlyMap<Address, Resource>,
  plugins: ReadonlyMap<BackendName, Plugin>,
): Address | undefined {
  const seen = new Set<Address>();
  let spec: SourceSpec | undefined = start;
  while (spec?.kind === "image" && spec[kind] === undefined && !seen.has(spec.address)) {
    const { address } = spec;
    seen.add(address);
    const resource = all.get(address);
    if (resource === undefined) return undefined;
    const isMade = resource.source !== undefined || hasOrigin(resource, plugins.get(resource.backend));
    if (resource.lifecycle.existing || !isMade) return address;
    spec = resource.source;
  }
  return undefined;
}

const hasOrigin = ({ written }: Resource, plugin: Plugin | undefined): boolean => {
  const names = plugin === undefined ? [] : written.map((key) => nameIn(plugin.image, key));
  return plugin?.origins?.some(({ needs }) => needs.some((need) => names.includes(need))) === true;
};

/** Redirects of a backend that fetches a URL itself are not visible: if https is required, the bytes pass through this host. */
export const withoutPulls = (plugins: ReadonlyMap<BackendName, Plugin>): ReadonlyMap<BackendName, Plugin> =>
  new Map([...plugins].map(([name, { pulls: _, ...plugin }]) => [name, plugin]));
