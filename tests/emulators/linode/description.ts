import { Answers, propertiesOf, type Schema } from "../kit/answers.ts";
import { exceptions, formats } from "./exceptions.ts";

let loading: Promise<Answers> | undefined;

/** The API description with its exceptions, read once. */
export function describedAnswers(): Promise<Answers> {
  loading ??= load();
  return loading;
}

async function load(): Promise<Answers> {
  const files = ["openapi.yaml", "additions.yaml"].map((name) => new URL(name, import.meta.url));
  const documents = await Promise.all(files.map(async (file) => Bun.YAML.parse(await Bun.file(file).text())));
  return new Answers(documents, exceptions, formats);
}

/** The OAuth scopes that an operation asks for, as `X-Accepted-OAuth-Scopes` names them; "*" when it asks for none. */
export function scopesOf(answers: Answers, operation: string): string {
  const security = answers.operation(operation)?.definition["security"];
  if (!Array.isArray(security)) return "*";
  const scopes = security.flatMap((one) => (Array.isArray(one?.oauth) ? one.oauth : []));
  return scopes.length === 0 ? "*" : scopes.join(",");
}

/** The keys that X-Filter may name in a listing, with dots for nested ones. */
export function filterable(answers: Answers, operation: string): readonly string[] {
  const page = answers.schema(operation, 200);
  const items = page === undefined ? undefined : propertiesOf(page)?.["data"]?.["items"];
  return keysOf(answers.resolve(items));
}

function keysOf(schema: Schema | undefined, prefix = ""): readonly string[] {
  const properties = schema === undefined ? undefined : propertiesOf(schema);
  return Object.entries(properties ?? {}).flatMap(([name, one]) => {
    const here = one["x-linode-filterable"] === true ? [`${prefix}${name}`] : [];
    return [...here, ...keysOf(one, `${prefix}${name}.`)];
  });
}
