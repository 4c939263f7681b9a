import manifest from "../../package.json" with { type: "json" };

/** The one place that it comes from is package.json. */
export const VERSION: string = manifest.version;

declare const IMAGES_COMMIT: string | undefined;

/** The commit that a released binary was built from; a build of its own has none. */
export const COMMIT: string | undefined = typeof IMAGES_COMMIT === "string" ? IMAGES_COMMIT : undefined;

declare const IMAGES_RELEASES: string | undefined;
declare const IMAGES_PUBLIC_KEY: string | undefined;

/** Where the newest release is published, and the minisign key that signs it, as a release was built with; else undefined. */
export const RELEASES: string | undefined = typeof IMAGES_RELEASES === "string" ? IMAGES_RELEASES : undefined;
export const PUBLIC_KEY: string | undefined = typeof IMAGES_PUBLIC_KEY === "string" ? IMAGES_PUBLIC_KEY : undefined;
