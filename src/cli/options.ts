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
