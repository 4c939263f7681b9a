import { imageId } from "../../../src/core/model/name.ts";
import type { Plan } from "../../../src/core/model/plan.ts";
import { add, at, edit, planOf } from "./plans.ts";

/** Characters that take two cells, or none. */
export const WIDE: Plan = planOf([
  {
    action: "update",
    address: at("lab/wide"),
    id: imageId("日本語のイメージ"),
    changes: [
      edit("description", "日本語の名前 ".repeat(12).trim(), "絵文字 👩‍👩‍👧 と 한국어"),
      add("properties", { 名前: "値".repeat(30), os: "debian" }),
    ],
  },
]);
