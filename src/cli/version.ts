import manifest from "../../package.json" with { type: "json" };

/** The one place that it comes from is package.json. */
export const VERSION: string = manifest.version;
