import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import addFormats from "ajv-formats";
import { Answers, isRecord } from "../kit/answers.ts";
import { type Refused, refusals } from "./refusal.ts";

const [main, launch] = [await read("openapi.yaml"), await read("launch.yaml")];
const components = { schemas: { ...main.schemas, ...launch.schemas } };

const ajv = new Ajv({ strict: false, logger: false, validateSchema: false });
addFormats(ajv);
ajv.addSchema({ $id: "outscale", components });

/** What every answer is checked against. */
export const answers = new Answers([{ paths: { ...main.paths, ...launch.paths }, components }]);

/** Errors look alike everywhere, also where an action's description forgets them. */
export function faultOf(action: string, status: number, body: unknown): string | undefined {
  return status === 200 ? answers.fault(action, 200, body) : answers.fault("CreateImage", 400, body);
}

/** Whether an action is described as one that takes unsigned requests. */
export function isOpen(action: string): boolean {
  const security = answers.operation(action)?.definition["security"];
  return Array.isArray(security) && security.length === 0;
}

/** The names of the filters that an action takes. */
export function filtersOf(action: string): readonly string[] {
  const request = answers.resolve({ $ref: `#/components/schemas/${action}Request` });
  const filters = answers.resolve(record(request?.["properties"])["Filters"]);
  return Object.keys(record(filters?.["properties"]));
}

/** A check of an action's request body: gives it back as what it is, or throws Refused. Schemas are closed. */
export function requestOf<T>(action: string): (body: unknown) => T {
  let validate: ValidateFunction<T> | undefined;
  return (body) => {
    validate ??= ajv.compile<T>({ $ref: `outscale#/components/schemas/${action}Request` });
    if (validate(body)) return body;
    throw refusedFor(validate.errors?.[0]);
  };
}

function refusedFor(error: ErrorObject | undefined): Refused {
  const place = (error?.instancePath ?? "").slice(1).replaceAll("/", ".");
  const within = (name: unknown) => [place, name].filter((part) => part !== "").join(".");
  switch (error?.keyword) {
    case "additionalProperties":
      return refusals.unknownParameter(within(error.params["additionalProperty"]));
    case "required":
      return refusals.missing(within(error.params["missingProperty"]));
    case "enum":
    case "format":
    case "oneOf":
      return refusals.badValue(`${place} ${error.message}`);
    default:
      return refusals.badType(`${place === "" ? "The body" : place} ${error?.message ?? "is not understood"}`);
  }
}

async function read(name: string): Promise<{ readonly paths: object; readonly schemas: object }> {
  const document = record(Bun.YAML.parse(await Bun.file(`${import.meta.dir}/${name}`).text()));
  return { paths: record(document["paths"]), schemas: record(record(document["components"])["schemas"]) };
}

function record(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {};
}
