import { Ajv, type Format, type ValidateFunction } from "ajv";
import addFormats from "ajv-formats";

export type Schema = Record<string, unknown>;

/** Where the server is known to answer otherwise than its description says. */
export interface Exception {
  /** What is excepted, such as "Image.regions". */
  readonly about: string;
  /** What shows that the server does so. */
  readonly reason: string;
  /** True for the schemas that are to be amended. */
  fits(schema: Schema): boolean;
  amend(schema: Schema): void;
}

export interface Operation {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly definition: Schema;
}

/** Checks answers against one or several OpenAPI 3.0 documents. */
export class Answers {
  readonly #ajv: Ajv;
  readonly #operations = new Map<string, Operation>();
  readonly #schemas = new Map<string, Readonly<Record<string, Schema | undefined>>>();
  readonly #components: unknown;
  readonly #validators = new Map<string, ValidateFunction>();
  readonly #used = new Set<Exception>();
  readonly #exceptions: readonly Exception[];

  constructor(
    documents: readonly unknown[],
    exceptions: readonly Exception[] = [],
    formats: Record<string, Format> = {},
  ) {
    this.#exceptions = exceptions;
    // The descriptions are taken as they are: to check them takes longer than all answers do.
    this.#ajv = new Ajv({ strict: false, allErrors: true, logger: false, validateSchema: false });
    addFormats(this.#ajv);
    for (const [name, format] of Object.entries(formats)) this.#ajv.addFormat(name, format);
    const components: Schema = {};
    for (const document of documents) {
      this.#amend(document);
      this.#collect(document);
      Object.assign(components, isRecord(document) ? document["components"] : undefined);
    }
    this.#components = components;
    // One document for all: what several answers refer to is compiled once.
    for (const { id, definition } of this.operations) this.#schemas.set(id, answersOf(definition));
    this.#ajv.addSchema({ $id: "answers", components, operations: Object.fromEntries(this.#schemas) });
  }

  get operations(): readonly Operation[] {
    return [...this.#operations.values()];
  }

  /** Exceptions that fit nothing in the documents: they are stale. */
  get unused(): readonly Exception[] {
    return this.#exceptions.filter((exception) => !this.#used.has(exception));
  }

  operation(id: string): Operation | undefined {
    return this.#operations.get(id);
  }

  /** What is wrong with a JSON answer, in one line; undefined when it is as described. */
  fault(operation: string, status: number, body: unknown): string | undefined {
    const validate = this.#validator(operation, status);
    if (validate === undefined) return `${operation} ${status}: the description has no such answer`;
    if (validate(body)) return undefined;
    const faults = (validate.errors ?? []).map((error) => {
      const extra = Object.values(error.params ?? {}).join(", ");
      return `${error.instancePath === "" ? "/" : error.instancePath} ${error.message ?? error.keyword} (${extra})`;
    });
    return `${operation} ${status}: ${faults.join("; ")}`;
  }

  /** The schema of an operation's JSON answer, with the exceptions in it. */
  schema(operation: string, status: number): Schema | undefined {
    return this.#schemas.get(operation)?.[this.#named(operation, status)];
  }

  /** How the description names the answer of this status. */
  #named(operation: string, status: number): string {
    return String(status) in (this.#schemas.get(operation) ?? {}) ? String(status) : "default";
  }

  /** A schema, or the one that its `$ref` names. */
  resolve(schema: unknown): Schema | undefined {
    const one = record(schema);
    const reference = one?.["$ref"];
    if (typeof reference !== "string") return one;
    const steps = reference.replace("#/components/", "").split("/");
    return record(steps.reduce<unknown>((place, step) => record(place)?.[step], this.#components));
  }

  #validator(operation: string, status: number): ValidateFunction | undefined {
    const key = `${operation} ${status}`;
    const known = this.#validators.get(key);
    if (known !== undefined) return known;
    if (this.schema(operation, status) === undefined) return undefined;
    const pointer = `/operations/${operation}/${this.#named(operation, status)}`;
    const validate = this.#ajv.compile({ $ref: `answers#${pointer}` });
    this.#validators.set(key, validate);
    return validate;
  }

  #collect(document: unknown): void {
    for (const [path, item] of Object.entries(record(record(document)?.["paths"]) ?? {})) {
      for (const [method, definition] of Object.entries(record(item) ?? {})) {
        if (!isRecord(definition) || typeof definition["operationId"] !== "string") continue;
        const id = definition["operationId"];
        this.#operations.set(id, { id, method: method.toUpperCase(), path, definition });
      }
    }
  }

  #amend(value: unknown): void {
    if (Array.isArray(value)) for (const one of value) this.#amend(one);
    if (!isRecord(value)) return;
    for (const one of Object.values(value)) this.#amend(one);
    for (const exception of this.#exceptions) {
      if (!exception.fits(value)) continue;
      exception.amend(value);
      this.#used.add(exception);
    }
  }
}

/** The schemas of an operation's answers by their status, undefined for those that have no JSON. */
function answersOf(definition: Schema): Readonly<Record<string, Schema | undefined>> {
  const responses = Object.entries(record(definition["responses"]) ?? {});
  return Object.fromEntries(
    responses.map(([status, response]) => {
      const content = record(record(response)?.["content"]);
      return [status, record(record(content?.["application/json"])?.["schema"])];
    }),
  );
}

/** The properties of an object schema; undefined when it has none. */
export function propertiesOf(schema: Schema): Record<string, Schema> | undefined {
  const properties = record(schema["properties"]);
  if (properties === undefined) return undefined;
  return Object.fromEntries(Object.entries(properties).flatMap(([name, one]) => (isRecord(one) ? [[name, one]] : [])));
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function record(value: unknown): Record<string, unknown> | undefined {
  return isRecord(value) ? value : undefined;
}
