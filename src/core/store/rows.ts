import { ON_REMOVE } from "../model/declaration.ts";
import { isName } from "../model/name.ts";
import { type Recorded, STATE_VERSION, type State } from "../model/state.ts";
import { isTable } from "../model/value.ts";
import { addressRule, attributesRule, contentRule, digestsRule } from "./rules.ts";
import { count, flag, listOf, mapOf, oneOf, type Rule, table, text, type Wrong, within, wrong } from "./shape.ts";

// What model/state.ts promises of a state, checked where one is read: everything, and nothing beside it.

/** Deep enough for any attribute, and far from where recursion ends. */
const DEPTH = 64;
const attributes = attributesRule(DEPTH);
const name: Rule = (value) => (typeof value === "string" && isName(value) ? undefined : wrong("expected a name"));

const retained = table({
  id: text,
  content: contentRule,
  replaced: text,
  status: oneOf(["kept", "hide", "deactivate"]),
});

const common = {
  backend: name,
  plugin: text,
  want: attributes,
  protect: flag,
  onRemove: oneOf(ON_REMOVE),
  status: text,
};
const more = { content: contentRule, retained: listOf(retained) };
const former = table({ want: attributes }, { content: contentRule });
const had = { id: text, have: attributes };

const RULES: Readonly<Record<Recorded["status"], Rule>> = {
  creating: table(common, { ...more, id: text, nonce: text, finished: flag, carried: attributes }),
  ready: table({ ...common, ...had }, { ...more, digests: digestsRule, upstream: contentRule }),
  replacing: table(
    { ...common, ...had },
    {
      ...more,
      digests: digestsRule,
      next: text,
      nonce: text,
      former,
      requested: flag,
      finished: flag,
      carried: attributes,
    },
  ),
  deleting: table({ ...common, id: text }, more),
};
const STATUSES = `expected ${Object.keys(RULES).join(", ")}`;
const isStatus = (value: unknown): value is Recorded["status"] =>
  typeof value === "string" && Object.hasOwn(RULES, value);

/** A row at the address `at`: what it may hold depends on its status, and its backend is that of the address. */
const rowOf =
  (at: string): Rule =>
  (value) => {
    if (!isTable(value)) return wrong("expected a table");
    const { status, backend } = value;
    if (!isStatus(status)) return within("status", wrong(STATUSES));
    const found = RULES[status](value);
    if (found !== undefined) return found;
    return at.startsWith(`${backend}/`) ? undefined : within("backend", wrong(`expected the backend of ${at}`));
  };

const state = table({
  version: (value) => (value === STATE_VERSION ? undefined : wrong(`expected ${STATE_VERSION}`)),
  lineage: (value) => text(value) ?? (value === "" ? wrong("expected a lineage") : undefined),
  serial: count,
  images: mapOf(addressRule, rowOf),
});

/** What is wrong with a row that is to stand at `at`. */
export const rowFault = (at: string, value: unknown): Wrong | undefined => rowOf(at)(value);
/** What is wrong with a state of this version. */
export const stateFault: Rule = state;

export const isRow = (at: string, value: unknown): value is Recorded => rowFault(at, value) === undefined;
export const isState = (value: unknown): value is State => stateFault(value) === undefined;
