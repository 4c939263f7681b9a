import type { Config } from "../core/model/declaration.ts";

/** What a command line says of the file and its state. */
export interface FileOptions {
  readonly file: string;
  readonly state: string | undefined;
  readonly vars: Readonly<Record<string, string>>;
  readonly varFiles: readonly string[];
  /** What the file is going to be, in place of what it is. */
  readonly text?: string;
}

/** What a command wants of its run. */
export interface SessionOptions {
  readonly operation: string;
  /** True: the state is locked and can be written. */
  readonly write: boolean;
  readonly lockTimeout?: number | undefined;
  readonly parallelism?: number | undefined;
  /**
   * Which plugin files may run. `first use`: also one that is not in images.lock, which pins it. `none`: they are left out, with the images
   * that are on their backends; for commands that only need the settings. Default: those of images.lock.
   */
  readonly plugins?: "none" | "first use";
  /** A line for the user. */
  note(text: string): void;
}

/** How many images are processed at the same time, and whether that is the user's word. */
export const parallelismOf = ({ parallelism }: Pick<SessionOptions, "parallelism">, { settings }: Config) => ({
  parallelism: parallelism ?? settings.parallelism,
  isWide: parallelism === undefined && settings.isParallelismUsual === true,
});
