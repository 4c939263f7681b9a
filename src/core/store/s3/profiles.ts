import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { homeOf } from "../../disk/account.ts";
import { Failure } from "../../failure.ts";

export type S3Env = Readonly<Record<string, string | undefined>>;
export type S3Profile = Readonly<Record<string, string>>;

/**
 * The settings of a profile in ~/.aws/config and ~/.aws/credentials, the latter first; undefined when neither file has it.
 * @throws Failure config.secret when a file cannot be read
 */
export async function profileOf(name: string, env: S3Env): Promise<S3Profile | undefined> {
  const directory = join(homeOf(env), ".aws");
  const shared = await sections(env["AWS_SHARED_CREDENTIALS_FILE"] ?? join(directory, "credentials"));
  const config = await sections(env["AWS_CONFIG_FILE"] ?? join(directory, "config"));
  const [keys, rest] = [shared.get(name), config.get(name === "default" ? name : `profile ${name}`)];
  return keys === undefined && rest === undefined ? undefined : { ...rest, ...keys };
}

async function sections(path: string): Promise<ReadonlyMap<string, S3Profile>> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return new Map();
    throw new Failure("config.secret", `${path} cannot be read: ${error instanceof Error ? error.message : error}`);
  }
  const found = new Map<string, Record<string, string>>();
  let current: Record<string, string> = {};
  for (const line of text.split(/\r?\n/)) {
    const name = /^\s*\[\s*(.*?)\s*\]/.exec(line)?.[1];
    if (name !== undefined) {
      current = found.get(name.replace(/\s+/, " ")) ?? {};
      found.set(name.replace(/\s+/, " "), current);
    }
    // An indented line belongs to a nested table ("s3 ="), which has nothing that is needed here.
    const [, key, value] = /^([^\s#;=[][^=]*?)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) current[key.toLowerCase()] = value;
  }
  return found;
}
