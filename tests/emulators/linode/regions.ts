import type { Region } from "./wire.ts";

/** What all regions but the distributed ones have; from GET /regions as recorded in May 2026, shortened. */
const core = [
  "Linodes",
  "Block Storage Encryption",
  "Disk Encryption",
  "Backups",
  "NodeBalancers",
  "Block Storage",
  "Kubernetes",
  "Cloud Firewall",
  "Vlans",
  "Metadata",
  "Placement Group",
  "StackScripts",
  "Maintenance Policy",
  "Linode Interfaces",
];

const distributed = [
  "Linodes",
  "Disk Encryption",
  "Cloud Firewall",
  "Vlans",
  "Metadata",
  "Distributed Plans",
  "Maintenance Policy",
];

/** Core regions with Object Storage, as recorded. */
const withStorage = `
  au-mel|Melbourne, AU        us-lax|Los Angeles, CA     gb-lon|London 2, UK        id-cgk|Jakarta, ID
  de-fra-2|Frankfurt 2, DE    sg-sin-2|Singapore 2, SG   jp-tyo-3|Tokyo 3, JP       no-osl-1|Oslo, NO
  us-iad-2|Washington 2, DC   us-mia|Miami, FL           us-iad|Washington, DC      us-ord|Chicago, IL
  fr-par|Paris, FR            us-sea|Seattle, WA         br-gru|Sao Paulo, BR       nl-ams|Amsterdam, NL
  se-sto|Stockholm, SE        es-mad|Madrid, ES          in-maa|Chennai, IN         jp-osa|Osaka, JP
  it-mil|Milan, IT            eu-central|Frankfurt, DE   ap-south|Singapore, SG     us-east|Newark, NJ
  us-southeast|Atlanta, GA`;

/** Core regions without it. */
const withoutStorage = `
  in-bom-2|Mumbai 2, IN       fr-par-2|Paris 2, FR       us-rno-1|Reno, NV          ap-west|Mumbai, IN
  ca-central|Toronto, CA      ap-southeast|Sydney, AU    us-central|Dallas, TX      ap-northeast|Tokyo 2, JP
  eu-west|London, UK          us-west|Fremont, CA`;

const sites = `
  nz-akl-1|Auckland, NZ       us-den-1|Denver, CO        de-ham-1|Hamburg, DE       za-jnb-1|Johannesburg, ZA
  my-kul-1|Kuala Lumpur, MY   co-bog-1|Bogotá, CO        mx-qro-1|Querétaro, MX     us-hou-1|Houston, TX
  cl-scl-1|Santiago, CL       de-ber-1|Berlin, DE        co-bog-2|Bogotá 2, CO      fr-mrs-2|Marseille 2, FR`;

/**
 * Regions that have Object Storage and yet take no uploaded images: no capability says so, but the integration tests of
 * the terraform provider leave them out for that reason.
 */
export const withoutUploads: readonly string[] = ["gb-lon", "au-mel", "sg-sin-2", "jp-tyo-3", "no-osl-1"];

/** All regions, by their real names. */
export const regions: readonly Region[] = [
  ...named(withStorage).map(([id, label]) => region(id, label, [...core, "Object Storage"], "core")),
  ...named(withoutStorage).map(([id, label]) => region(id, label, core, "core")),
  ...named(sites).map(([id, label]) => region(id, label, distributed, "distributed")),
];

/** True for a region that keeps images: core, with Object Storage, and taking uploads. */
export function keepsImages(region: Region): boolean {
  if (region.site_type !== "core" || withoutUploads.includes(region.id)) return false;
  return region.capabilities.includes("Object Storage");
}

function named(text: string): readonly (readonly [string, string])[] {
  const pairs = text.trim().split(/\s{2,}|\n/);
  return pairs.filter(Boolean).map((pair) => {
    const [id = "", label = ""] = pair.trim().split("|");
    return [id, label] as const;
  });
}

function region(id: string, label: string, capabilities: readonly string[], site: Region["site_type"]): Region {
  return {
    id,
    label,
    country: countryOf(id, label),
    capabilities,
    status: "ok",
    resolvers: { ipv4: "192.0.2.0,192.0.2.1", ipv6: "2001:db8::,2001:db8::1" },
    placement_group_limits: {
      maximum_pgs_per_customer: site === "core" ? null : 0,
      maximum_linodes_per_pg: site === "core" ? 5 : 0,
      maximum_linodes_per_flexible_pg: site === "core" ? 5 : 0,
    },
    site_type: site,
  };
}

/** Old names ("eu-west", "ap-south") do not begin with their country; labels of the United States end with a state. */
function countryOf(id: string, label: string): string {
  if (id.startsWith("us-")) return "us";
  const end = label.slice(-2).toLowerCase();
  return end === "uk" ? "gb" : end;
}
