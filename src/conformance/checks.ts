import type { Clause } from "../core/conformance.ts";
import { ACCESS_CLAUSES } from "./access.ts";
import { ATTRIBUTE_CLAUSES } from "./attributes.ts";
import { CONTRACT_CLAUSES } from "./contract.ts";
import { LAW_CLAUSES } from "./laws.ts";
import { LIVED_CLAUSES } from "./lived.ts";
import type { Check } from "./stage.ts";

/** Every clause. Every plugin passes them, against its emulator and against its real server. */
export const CHECKS: Readonly<Record<Clause, Check>> = {
  ...CONTRACT_CLAUSES,
  ...ACCESS_CLAUSES,
  ...LAW_CLAUSES,
  ...LIVED_CLAUSES,
  ...ATTRIBUTE_CLAUSES,
};
