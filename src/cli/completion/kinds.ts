import { CLAUSES } from "../../core/conformance.ts";
import { GRAPHS } from "../render/graph.ts";
import { REPORTS } from "../render/report.ts";

/** What a word of the command line names. */
export type WordKind =
  | "address"
  | "recorded"
  | "selection"
  | "backend"
  | "variable"
  | "plugin"
  | "file"
  | "nothing"
  | { readonly words: readonly string[] };

/** What the value of each option names. */
export const OF_FLAGS: Readonly<Record<string, WordKind>> = {
  "--file": "file",
  "--state": "file",
  "--var": "variable",
  "--var-file": "file",
  "--json": "file",
  "--out": "file",
  "--target": "selection",
  "--exclude": "selection",
  "--replace": "address",
  "--backend": "backend",
  "--from-image-manager": "file",
  "--from-terraform": "file",
  "--cloud": "nothing",
  "--id": "nothing",
  "--tag": "nothing",
  "--from": "nothing",
  "--key": "nothing",
  "--link": "nothing",
  "--format": { words: GRAPHS },
  "--report": { words: REPORTS.map((kind) => `${kind}=`) },
  "--parallelism": "nothing",
  "--port": "nothing",
  "--lock-timeout": "nothing",
  "--username": "nothing",
  "--password": "nothing",
  "--max-deletes": "nothing",
  "--max-bytes": "nothing",
  "--max-age": "nothing",
  "--dir": "file",
  "--against": "file",
  "--bytes": "file",
  "--set": "nothing",
  "--name": "nothing",
  "--plugin": "plugin",
  "--image": "nothing",
  "--clause": { words: CLAUSES },
};

/** What the words of each command name, by its path; the last one means all that follow where the command takes any number. */
export const OF_WORDS: Readonly<Record<string, readonly WordKind[]>> = {
  show: ["file"],
  serve: ["file"],
  apply: ["file"],
  info: ["backend"],
  import: ["address"],
  export: ["recorded"],
  "state list": ["selection"],
  "state show": ["recorded"],
  "state mv": ["recorded", "address"],
  "state rm": ["recorded"],
  "state push": ["file"],
  "state migrate": ["file"],
  plugins: ["plugin"],
  "plugins trust": ["file"],
  "plugins test": ["file"],
  "plugins new": ["nothing"],
  fmt: ["file"],
  completion: [{ words: ["bash", "zsh", "fish"] }],
};
/** Commands that take any number of words. */
export const ANY_NUMBER: ReadonlySet<string> = new Set(["state list", "state rm", "fmt"]);
