import * as t from "typanion";
import { Failure } from "../../core/failure.ts";

// The two documents in which terraform and tofu tell a state: the file itself (version 4), and what `show -json` makes of it.

/** One instance of a resource. */
export interface TerraformInstance {
  /** As terraform writes it: `module.a["x"].linode_image.debian[0]`. */
  readonly address: string;
  readonly mode: "managed" | "data";
  readonly type: string;
  /** The names of its modules and their keys, its own name, its own key. */
  readonly path: readonly string[];
  /** The alias of its provider's configuration, where the document tells it. */
  readonly alias?: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Why terraform itself does not count on it. */
  readonly broken?: "tainted" | "deposed";
}

const anything = t.isUnknown();
const key = t.isNullable(t.isOneOf([t.isString(), t.isNumber()]));
const rest = { extra: anything };

const isState = t.isObject(
  {
    version: t.isLiteral(4),
    resources: t.isArray(
      t.isObject(
        {
          mode: t.isString(),
          type: t.isString(),
          name: t.isString(),
          module: t.isOptional(t.isString()),
          provider: t.isOptional(t.isString()),
          instances: t.isArray(
            t.isObject(
              {
                index_key: t.isOptional(key),
                status: t.isOptional(t.isString()),
                deposed: t.isOptional(t.isString()),
                attributes: t.isOptional(t.isNullable(t.isRecord(anything))),
              },
              rest,
            ),
          ),
        },
        rest,
      ),
    ),
  },
  rest,
);

const isShownResource = t.isObject(
  {
    address: t.isString(),
    mode: t.isString(),
    type: t.isString(),
    name: t.isString(),
    index: t.isOptional(key),
    values: t.isOptional(t.isNullable(t.isRecord(anything))),
    tainted: t.isOptional(t.isBoolean()),
    deposed_key: t.isOptional(t.isString()),
  },
  rest,
);
const isModule = t.isObject(
  {
    address: t.isOptional(t.isString()),
    resources: t.isOptional(t.isArray(isShownResource)),
    child_modules: t.isOptional(t.isArray(anything)),
  },
  rest,
);
const isShown = t.isObject(
  { format_version: t.isString(), values: t.isOptional(t.isNullable(t.isObject({ root_module: anything }, rest))) },
  rest,
);

/**
 * All that a state holds, in its order. `name` is said in failures.
 * @throws Failure cli.terraform: it is no state, one of another version, or an encrypted one
 */
export function readState(text: string, name: string): readonly TerraformInstance[] {
  const document = parse(text);
  if (isState(document)) return document.resources.flatMap(fromState);
  if (isShown(document)) return fromModule(document.values?.root_module);
  const pull = "write one with: terraform state pull > state.json";
  if (has(document, "encrypted_data"))
    throw new Failure("cli.terraform", `${name} is encrypted`, { hint: "decrypt it: tofu state pull > state.json" });
  if (t.isObject({ version: t.isNumber() }, rest)(document) && document.version !== 4)
    throw new Failure("cli.terraform", `${name} has format version ${document.version}, expected 4`, {
      hint: "run terraform or tofu once (terraform apply -refresh-only) to write it again",
    });
  if (has(document, "backend"))
    throw new Failure("cli.terraform", `${name} only contains the location of the state`, { hint: pull });
  throw new Failure("cli.terraform", `${name} is not a Terraform or OpenTofu state`, { hint: pull });
}

const has = (document: unknown, key: string): boolean =>
  typeof document === "object" && document !== null && Object.hasOwn(document, key);

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

type StateResource = t.InferType<typeof isState>["resources"][number];

function fromState({ mode, type, name, module, provider, instances }: StateResource): TerraformInstance[] {
  const [, alias] = /\]\.([\w-]+)$/.exec(provider ?? "") ?? [];
  return instances.map(({ index_key, status, deposed, attributes }): TerraformInstance => {
    const kind = mode === "data" ? "data" : "managed";
    const local = `${kind === "data" ? "data." : ""}${type}.${name}${indexed(index_key)}`;
    return {
      address: module === undefined ? local : `${module}.${local}`,
      mode: kind,
      type,
      path: pathOf(module, name, index_key),
      attributes: attributes ?? {},
      ...(alias === undefined ? {} : { alias }),
      ...brokenBy(status === "tainted", deposed),
    };
  });
}

function fromModule(module: unknown): TerraformInstance[] {
  if (!isModule(module)) return [];
  const own = (module.resources ?? []).map(
    ({ address, mode, type, name, index, values, tainted, deposed_key }): TerraformInstance => ({
      address,
      mode: mode === "data" ? "data" : "managed",
      type,
      path: pathOf(module.address, name, index),
      attributes: values ?? {},
      ...brokenBy(tainted === true, deposed_key),
    }),
  );
  return [...own, ...(module.child_modules ?? []).flatMap(fromModule)];
}

const brokenBy = (tainted: boolean, deposed: string | undefined): Pick<TerraformInstance, "broken"> =>
  deposed !== undefined && deposed !== "" ? { broken: "deposed" } : tainted ? { broken: "tainted" } : {};

const indexed = (index: string | number | null | undefined): string =>
  index === undefined || index === null ? "" : `[${JSON.stringify(index)}]`;

/** `module.a["x"].module.b` and the resource `c[0]`: a, x, b, c, 0. */
const pathOf = (module: string | undefined, name: string, index: string | number | null | undefined): string[] => [
  ...[...(module ?? "").matchAll(/module\.([\w-]+)(?:\["?((?:[^"\\\]]|\\.)*)"?\])?/g)].flatMap(([, own = "", at]) =>
    at === undefined ? [own] : [own, at],
  ),
  name,
  ...(index === undefined || index === null ? [] : [String(index)]),
];
