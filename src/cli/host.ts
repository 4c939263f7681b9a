import { plugin as hook } from "bun";

/** Gives plugin files the module `images`: the very classes and functions that this program runs with. */
export function host(): void {
  hook({
    name: "images",
    setup: (build) => {
      build.module("images", async () => ({ exports: { ...(await import("../core/surface.ts")) }, loader: "object" }));
    },
  });
}
