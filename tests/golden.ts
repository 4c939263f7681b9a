import { expect } from "bun:test";
import { join } from "node:path";

const FOLDER = join(import.meta.dir, "golden");

/** What differs from run to run, and characters that would act on a terminal that shows the file: masked here and nowhere else. */
export const masked = (text: string): string =>
  text
    .replaceAll("\u001b", "␛")
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)/g, "<time>")
    .replace(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, "<uuid>");

/** Compares with tests/golden/NAME; UPDATE_GOLDEN=1 writes the file instead. */
export async function golden(name: string, text: string): Promise<void> {
  const file = Bun.file(join(FOLDER, name));
  const found = masked(text);
  if (process.env["UPDATE_GOLDEN"] === "1") await Bun.write(file, found);
  else expect(found, `${name}: UPDATE_GOLDEN=1 writes it anew`).toBe(await file.text());
}
