import type { ReplaceOrder } from "./declaration.ts";
import type { Address, ImageId } from "./name.ts";
import type { Content } from "./source.ts";
import type { Retained } from "./state.ts";
import type { Attributes, Value } from "./value.ts";
import type { CreationSource, Deletion, Verification } from "./work.ts";

export type { CreationSource, Deletion, Transfer, Verification } from "./work.ts";

export type Shown =
  | { readonly kind: "value"; readonly value: Value }
  | { readonly kind: "sensitive" }
  /** The backend tells it once the image is there. */
  | { readonly kind: "later" };

export type Forces = "update" | "replace";

/** One attribute that will be different. */
export type Change =
  | { readonly kind: "add"; readonly name: string; readonly after: Shown; readonly forces: Forces }
  | { readonly kind: "remove"; readonly name: string; readonly before: Shown; readonly forces: Forces }
  | {
      readonly kind: "edit";
      readonly name: string;
      readonly before: Shown;
      readonly after: Shown;
      readonly forces: Forces;
    };

interface Common {
  readonly address: Address;
  /** Every image that this step deletes. */
  readonly deletes?: readonly Deletion[];
  /** The address that the image had in the state, where `[[moved]]` or `state mv` gave it another. */
  readonly previous?: Address;
  /** Addresses whose steps come first: the bytes come from there, or a name is freed there. */
  readonly after?: readonly Address[];
  /** Images of ours that an interrupted run left half made or superseded; removed with this step. */
  readonly leftovers?: readonly ImageId[];
  /** What others added to the image that is replaced, and the new one gets. */
  readonly carries?: readonly Change[];
  /** What others added to the image that is replaced, and the new one will not have: a line each. */
  readonly loses?: readonly string[];
}

/** One address and what is to be done there. `because` is for the reader; `action` is for the machine. */
export type Step = Common &
  (
    | {
        readonly action: "keep";
        readonly id: ImageId;
        /** What its origin is seen as now, where the state should know: the same bytes with other validators. */
        readonly content?: Content;
      }
    | {
        readonly action: "create";
        readonly changes: readonly Change[];
        readonly because: "declared" | "vanished" | "unfinished";
        readonly making: CreationSource;
      }
    /** Takes an image into the state that already exists, and brings its attributes to what is wanted. */
    | {
        readonly action: "adopt";
        readonly id: ImageId;
        readonly changes: readonly Change[];
        readonly because: "mark" | "import" | "adopt";
        /** What its origin is today: from then on a change of it is seen. */
        readonly content?: Content;
        /** It differs from what is declared: taken into the state as it is, and nothing else is done in this run. */
        readonly hold?: true;
        /** Versions of it that an earlier state kept, by their markers. */
        readonly kept?: readonly Retained[];
        /** Its bytes could not be compared with the declared ones; why, in words. */
        readonly uncompared?: string;
      }
    | {
        readonly action: "update";
        readonly id: ImageId;
        readonly changes: readonly Change[];
        /** What its origin is seen as now, where the state should know. */
        readonly content?: Content;
        /** Before anything is changed. */
        readonly verifies?: Verification;
      }
    /** The image stays as it is: whether it was made from the declared bytes is detected, and recorded. */
    | { readonly action: "verify"; readonly id: ImageId; readonly verifies: Verification }
    | {
        readonly action: "replace";
        readonly id: ImageId;
        readonly changes: readonly Change[];
        /** Names of attributes, `content`, or `requested`. */
        readonly because: readonly string[];
        readonly order: ReplaceOrder;
        readonly making: CreationSource;
        /** Only what a server says of the bytes has changed: they are read first, and the image is kept where they are the same. */
        readonly unlessSame?: true;
      }
    | {
        readonly action: "delete";
        readonly id: ImageId;
        readonly because: "undeclared" | "destroy" | "absent" | "removed";
      }
    /** Kept on the backend, but out of use and out of the state. */
    | {
        readonly action: "retire";
        readonly id: ImageId;
        readonly how: "hide" | "deactivate";
        readonly because: "undeclared" | "destroy" | "absent";
      }
    | { readonly action: "forget"; readonly because: "vanished" | "removed" | "on_remove" }
    | {
        readonly action: "block";
        readonly because: "foreign" | "refused" | "protected" | "limits" | "missing" | "policy" | "source";
        readonly text: string;
        readonly hint?: string;
      }
  );
export type Action = Step["action"];

/** A declared attribute that another user changed since we last looked. */
export type Drift =
  | { readonly kind: "changed"; readonly address: Address; readonly id: ImageId; readonly changes: readonly Change[] }
  | { readonly kind: "vanished"; readonly address: Address; readonly id: ImageId };

/** What the plan costs. Bytes count what is known; `unknown` says how many transfers have no known size. */
export interface Cost {
  readonly uploads: number;
  readonly uploadBytes: number;
  readonly unknown: number;
  readonly pulls: number;
  readonly unverified: readonly Address[];
  /** Distinct sources that come over the network to this host, and their bytes. */
  readonly downloads: number;
  readonly downloadBytes: number;
}

export type PlanMode = "normal" | "destroy" | "refresh-only";

/** What was known of one address when the plan was made; what a saved plan is checked against before it is applied. */
export interface Basis {
  readonly id?: ImageId;
  readonly have?: Attributes;
  readonly want?: Attributes;
  readonly content?: Content;
}

export interface Plan {
  readonly version: 1;
  readonly mode: PlanMode;
  /** RFC 3339. */
  readonly made: string;
  /** The state and the file that it was made from; `apply` refuses a saved plan whose basis has moved. */
  readonly basis: { readonly lineage: string; readonly serial: number; readonly config: string };
  readonly steps: readonly Step[];
  readonly drift: readonly Drift[];
  readonly cost: Cost;
  readonly observed: Readonly<Record<Address, Basis>>;
  /** Backends that could not be asked; their addresses have no step. */
  readonly outages: readonly {
    readonly backend: string;
    readonly code: string;
    readonly message: string;
    readonly hint?: string;
    readonly addresses: readonly Address[];
  }[];
  /** Told, and nothing stops for it. */
  readonly warnings: readonly string[];
}

/** A step that does something, or would if it were not blocked. */
export const isPending = (step: Step): boolean => step.action !== "keep" || step.previous !== undefined;
export const pending = (plan: Plan): readonly Step[] => plan.steps.filter(isPending);
export const hasChanges = (plan: Plan): boolean => pending(plan).length > 0;

/** Everything that a step deletes: images, and what goes with them. */
export const deletedBy = ({ deletes = [] }: Step): number =>
  deletes.reduce((sum, { owns = [] }) => sum + 1 + owns.length, 0);

/** Steps by what terraform's summary counts: an adopted image counts as an import; everything that is deleted counts, whatever the step. */
export function summary(plan: Plan): {
  add: number;
  change: number;
  destroy: number;
  import: number;
  forget: number;
  blocked: number;
  verify: number;
} {
  const counts = { add: 0, change: 0, destroy: 0, import: 0, forget: 0, blocked: 0, verify: 0 };
  for (const step of plan.steps) {
    counts.destroy += deletedBy(step);
    switch (step.action) {
      case "create":
        counts.add++;
        break;
      case "replace":
        counts.add++;
        break;
      case "adopt":
        counts.import++;
        if (step.changes.length > 0) counts.change++;
        break;
      case "update":
        counts.change++;
        if (step.verifies !== undefined) counts.verify++;
        break;
      case "retire":
      case "forget":
        counts.forget++;
        break;
      case "block":
        counts.blocked++;
        break;
      case "verify":
        counts.verify++;
        break;
      case "delete":
      case "keep":
        break;
      default:
        step satisfies never;
    }
  }
  return counts;
}
