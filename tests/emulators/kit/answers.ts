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
    this.#ajv = new Ajv({ strict: false, allErrors: true, logger: false });
    addFormats(this.#ajv);
    for (const [name, format] of Object.entries(formats)) this.#ajv.addFormat(name, format);
    const components: Schema = {};
    for (const document of documents) {
      this.#amend(document);
      this.#collect(document);
      Object.assign(components, isRecord(document) ? document["components"] : undefined);
    }
    this.#components = components;
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
    const responses = record(this.#operations.get(operation)?.definition["responses"]);
    const response = record(responses?.[String(status)] ?? responses?.["default"]);
    const content = record(record(response?.["content"])?.["application/json"]);
    return record(content?.["schema"]);
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
    const schema = this.schema(operation, status);
    if (schema === undefined) return undefined;
    const validate = this.#ajv.compile({ ...schema, components: this.#components });
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
