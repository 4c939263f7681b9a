import manifest from "../../package.json" with { type: "json" };

/** The one place that it comes from is package.json. */
export const VERSION: string = manifest.version;

declare const IMAGES_COMMIT: string | undefined;

/** The commit that a released binary was built from; a build of its own has none. */
export const COMMIT: string | undefined = typeof IMAGES_COMMIT === "string" ? IMAGES_COMMIT : undefined;
