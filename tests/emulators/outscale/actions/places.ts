import { action } from "../action.ts";
import { type Filters, select, values } from "../filters.ts";
import { type PageRequest, page } from "../paging.ts";

/** Regions and the location codes of their Subregions. */
const regions: Readonly<Record<string, readonly string[]>> = {
  "ap-northeast-1": ["TYO1", "TYO2"],
  "cloudgouv-eu-west-1": ["PAR5", "PAR6", "PAR7"],
  "eu-west-2": ["PAR1", "PAR4"],
  "us-east-2": ["NJE1", "NJE2"],
  "us-west-1": ["SFO1", "SFO2"],
};

/** The one action that needs no signature. */
const readRegions = action<object>("ReadRegions", () => {
  const Regions = Object.keys(regions).map((name) => ({ RegionName: name, Endpoint: `api.${name}.outscale.com` }));
  return { Regions };
});

interface Subregion {
  readonly LocationCode: string;
  readonly RegionName: string;
  readonly State: string;
  readonly SubregionName: string;
}

export const subregionFilters: Filters<Subregion> = {
  RegionNames: values((one) => one.RegionName),
  States: values((one) => one.State),
  SubregionNames: values((one) => one.SubregionName),
};

const readSubregions = action<PageRequest & { readonly Filters?: object }>("ReadSubregions", ({ world }, body) => {
  const { region, pageSize } = world.settings;
  const all = (regions[region] ?? []).map((LocationCode, index) => ({
    LocationCode,
    RegionName: region,
    State: "available",
    SubregionName: region + String.fromCharCode("a".charCodeAt(0) + index),
  }));
  const { items, token } = page(select(all, body.Filters, subregionFilters), body, pageSize);
  return { Subregions: items, ...token };
});

const readAccounts = action<object>("ReadAccounts", ({ account }) => ({
  Accounts: [
    {
      AccountId: account.id,
      City: "SAINT-CLOUD",
      CompanyName: "EXAMPLE SAS",
      Country: "FRANCE",
      CustomerId: "87654321",
      Email: account.email,
      FirstName: "JEAN",
      LastName: "DUPONT",
      ZipCode: "92210",
    },
  ],
}));

export const placeActions = { ...readRegions, ...readSubregions, ...readAccounts };
