import { plugin as hook } from "bun";
import * as surface from "../core/surface.ts";

/** Gives plugin files the module `images`: the very classes and functions that this program runs with. */
export function host(): void {
  hook({
    name: "images",
    setup: (build) => {
      build.module("images", () => ({ exports: { ...surface }, loader: "object" }));
    },
  });
}
