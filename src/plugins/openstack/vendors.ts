/**
 * The clouds that openstacksdk 4.17 knows by name: what of their profiles says who is asked, and where. From openstack/config/vendors of
 * openstacksdk, under the Apache License 2.0 (licenses/THIRD-PARTY.txt); changed: everything else is left out.
 */
export const VENDORS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  auro: {
    auth: {
      auth_url: "https://api.van2.auro.io:5000/v3",
      user_domain_name: "Default",
      project_domain_name: "Default",
    },
    region_name: "RegionOne",
  },
  betacloud: {
    auth: {
      auth_url: "https://api-1.betacloud.de:5000",
    },
    regions: ["betacloud-1"],
    status: "shutdown",
    message: "betacloud.de has ceased business",
  },
  binero: {
    auth: {
      auth_url: "https://auth.binero.cloud:5000/v3",
    },
    regions: ["europe-se-1"],
  },
  bluebox: {
    region_name: "RegionOne",
  },
  catalyst: {
    auth: {
      auth_url: "https://api.cloud.catalyst.net.nz:5000/v2.0",
    },
    regions: ["nz-por-1", "nz_wlg_2"],
  },
  citycloud: {
    auth: {
      auth_url: "https://{region_name}.citycloud.com:5000/v3/",
    },
    regions: ["Buf1", "Fra1", "Sto2", "Kna1", "dx1", "tky1"],
  },
  conoha: {
    auth: {
      auth_url: "https://identity.{region_name}.conoha.io",
    },
    regions: ["sin1", "sjc1", "tyo1"],
  },
  dreamcompute: {
    auth: {
      auth_url: "https://iad2.dream.io:5000",
    },
    region_name: "RegionOne",
  },
  elastx: {
    auth: {
      auth_url: "https://ops.elastx.cloud:5000/v3",
    },
    region_name: "se-sto",
  },
  entercloudsuite: {
    auth: {
      auth_url: "https://api.entercloudsuite.com/",
    },
    regions: ["it-mil1", "nl-ams1", "de-fra1"],
  },
  fuga: {
    auth: {
      auth_url: "https://identity.api.fuga.io:5000",
      user_domain_name: "Default",
      project_domain_name: "Default",
    },
    regions: ["cystack"],
    status: "deprecated",
    message: "the API Endpoint is no longer responsive",
  },
  ibmcloud: {
    auth: {
      auth_url: "https://identity.open.softlayer.com",
    },
    regions: ["london"],
    status: "shutdown",
    message: "the API Endpoint is no longer responsive",
  },
  internap: {
    auth: {
      auth_url: "https://identity.api.cloud.inap.com",
    },
    regions: ["ams01", "da01", "nyj01", "sin01", "sjc01"],
    status: "shutdown",
    message: "Internap have been rebranded as HorizonIQ",
  },
  limestonenetworks: {
    auth: {
      auth_url: "https://auth.cloud.lstn.net:5000/v3",
    },
    regions: ["us-dfw-1", "us-slc"],
  },
  "otc-swiss": {
    auth: {
      auth_url: "iam-pub.eu-ch2.sc.otc.t-systems.com/v3",
    },
    regions: ["eu-ch2"],
    interface: "public",
  },
  otc: {
    auth: {
      auth_url: "https://iam.{region_name}.otc.t-systems.com/v3",
    },
    regions: ["eu-de", "eu-nl"],
    interface: "public",
  },
  "ovh-us": {
    auth: {
      auth_url: "https://auth.cloud.ovh.us/",
      user_domain_name: "Default",
      project_domain_name: "Default",
    },
    regions: ["US-EAST-VA-1", "US-WEST-OR-1", "US-EAST-VA", "US-WEST-OR"],
  },
  ovh: {
    profile: "https://ovhcloud.com",
  },
  rackspace: {
    auth: {
      auth_url: "https://identity.api.rackspacecloud.com/v2.0/",
    },
    regions: ["DFW", "HKG", "IAD", "ORD", "SYD", "LON"],
  },
  switchengines: {
    auth: {
      auth_url: "https://keystone.cloud.switch.ch:5000/v3",
    },
    regions: ["LS", "ZH"],
  },
  ultimum: {
    auth: {
      auth_url: "https://console.ultimum-cloud.com:5000/",
    },
    region_name: "RegionOne",
    status: "shutdown",
    message: "ultimum-cloud.com has ceased business",
  },
  unitedstack: {
    auth: {
      auth_url: "https://identity.api.ustack.com/v3",
    },
    regions: ["bj1", "gd1"],
    status: "shutdown",
    message: "the API Endpoint is no longer responsive",
  },
  vexxhost: {
    profile: "https://vexxhost.com",
  },
  zetta: {
    auth: {
      auth_url: "https://identity.api.zetta.io/v3",
    },
    regions: ["no-osl1"],
  },
};
