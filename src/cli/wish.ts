/** What a command wants of its run. */
export interface Wish {
  readonly operation: string;
  /** True: the state is locked and can be written. */
  readonly write: boolean;
  readonly lockTimeout?: number | undefined;
  readonly parallelism?: number | undefined;
  /** A line for the user. */
  note(text: string): void;
}
