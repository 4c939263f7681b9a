import type { CheckContext } from "./context.ts";
import { generateName } from "./generated-name.ts";
import type { TableNode } from "./node.ts";

/** Two teams must not share a name by default: it is written out as soon as a backend writes markers. */
export function requireName(settings: TableNode | undefined, { backends, directory, problems }: CheckContext): void {
  // A backend with errors writes markers too, once it has none.
  const marking = [...backends.values()].find(
    ({ declaration, isUnmarked }) => declaration?.mark ?? isUnmarked !== true,
  );
  if (marking === undefined || settings?.entries.has("name") === true) return;
  const line = `name = "${generateName(directory)}"`;
  problems.error("config.name", "[settings] name is required: it is written into the ownership markers of all images", {
    at: settings?.at ?? marking.declaration?.at ?? marking.at,
    hint: settings === undefined ? `add to the file: [settings] ${line}` : `add under [settings]: ${line}`,
  });
}
