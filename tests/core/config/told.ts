import { parseConfig, type ReadConfig } from "../../../src/core/config/load.ts";
import type { FramePosition } from "../../../src/core/config/problems.ts";
import { Failure, type Problem } from "../../../src/core/failure.ts";
import { named } from "../../harness.ts";
import { lookup } from "./plugins.ts";

export const ENV = { HOME: "/home/me", NAME: "from-env", SPACE: "a b" };

export const config = (text: string, vars: Record<string, string> = {}): Promise<ReadConfig> =>
  parseConfig(named(text), "/etc/images/images.toml", { env: ENV, vars, lookup });

const shown = ({ at, message, hint }: Problem): string => {
  const place: FramePosition | undefined = at;
  const where = place === undefined ? "-" : `${place.line}:${place.column}+${place.width}`;
  return `${where} ${message}${hint === undefined ? "" : ` | ${hint}`}`;
};

/** Everything that is told of a configuration, as `line:column+width message | hint`. */
export const told = (text: string, vars: Record<string, string> = {}): Promise<string[]> =>
  config(text, vars).then(
    ({ warnings }) => warnings.map((one) => `warning ${shown(one)}`),
    (thrown: unknown) => {
      if (!(thrown instanceof Failure) || thrown.code !== "config.invalid") throw thrown;
      return thrown.problems.map(shown);
    },
  );
