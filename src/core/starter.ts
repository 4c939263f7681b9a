/** A setting of a backend that `images init` asks for. */
export interface StarterSetting {
  /** As the schema of the backend calls it. */
  readonly name: string;
  /** In a few words: "Directory of the store". */
  readonly question: string;
  /** What an empty answer means. Without it, the setting is left out then. */
  readonly default?: string;
}

/** What `images init` writes for a plugin: a backend, and an image that can be made at once. */
export interface Starter {
  /** The name of the backend in the file. */
  readonly backend: string;
  /** Asked for, or given with `--set NAME=VALUE`, in this order. */
  readonly settings: readonly StarterSetting[];
  /** More lines of the backend's table, as TOML: references to secrets, comments. */
  readonly more?: string;
  /** The name of the image. Default: debian. */
  readonly image?: string;
  /** Where the image comes from, as TOML. Default: `source` with the URL and the checksum of a public cloud image of Debian. */
  readonly origin?: string;
  /** More lines of the image's table, as TOML. */
  readonly attributes?: string;
}
