/** Where something is in a file. Lines and columns count from 1, columns in characters. */
export interface FilePosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Characters that belong to it on that line. */
  readonly width?: number;
}

export const showPosition = (at: FilePosition): string => `${at.file}:${at.line}:${at.column}`;
