import type { Clause } from "../core/conformance.ts";
import { ACCESS_CLAUSES } from "./access.ts";
import { ATTRIBUTE_CLAUSES } from "./attributes.ts";
import { CONTRACT_CLAUSES } from "./contract.ts";
import { GUARANTEE_CLAUSES } from "./guarantees.ts";
import { SHARED_BACKEND_CLAUSES } from "./shared-backend.ts";
import type { Check } from "./stage.ts";

/** Every clause. Every plugin passes them, against its emulator and against its real server. */
export const CHECKS: Readonly<Record<Clause, Check>> = {
  ...CONTRACT_CLAUSES,
  ...ACCESS_CLAUSES,
  ...GUARANTEE_CLAUSES,
  ...SHARED_BACKEND_CLAUSES,
  ...ATTRIBUTE_CLAUSES,
};
