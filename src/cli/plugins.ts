import { isAbsolute, resolve } from "node:path";
import { Failure } from "../core/failure.ts";
import { loadPlugin } from "../core/load.ts";
import { nearest } from "../core/model/nearest.ts";
import type { Plugin } from "../core/plugin.ts";
import { Pins } from "./pins.ts";

/** The plugins of the binary, loaded when they are asked for. The only door from the program to them. */
export const BUILT_IN: Readonly<Record<string, () => Promise<Plugin>>> = {
  incus: async () => (await import("../plugins/incus/index.ts")).incus,
  linode: async () => (await import("../plugins/linode/index.ts")).linode,
  local: async () => (await import("../plugins/local/index.ts")).local,
  openstack: async () => (await import("../plugins/openstack/index.ts")).openstack,
  outscale: async () => (await import("../plugins/outscale/index.ts")).outscale,
  vkcs: async () => (await import("../plugins/vkcs/index.ts")).vkcs,
};

/** Whether `plugin = "…"` means a file: it has a slash, or an ending. */
export const isFile = (plugin: string): boolean => plugin.includes("/") || /\.[cm]?[jt]s$/.test(plugin);

/** A built-in plugin by its name, or one from a file, pinned by `images.lock`. @throws Failure plugin.* */
export async function findPlugin(plugin: string, folder: string, onNew: (text: string) => void): Promise<Plugin> {
  const builtIn = Object.hasOwn(BUILT_IN, plugin) ? BUILT_IN[plugin] : undefined;
  if (builtIn !== undefined) return await builtIn();
  if (!isFile(plugin)) {
    const near = nearest(plugin, Object.keys(BUILT_IN));
    throw new Failure("plugin.unknown", `there is no plugin ${JSON.stringify(plugin)}`, {
      hint:
        near === undefined
          ? `built in: ${Object.keys(BUILT_IN).join(", ")}; a path like "./x.ts" names a file`
          : `did you mean ${near}?`,
    });
  }
  const path = isAbsolute(plugin) ? plugin : resolve(folder, plugin);
  await new Pins(folder).check(path, onNew);
  return await loadPlugin(path);
}

/** All built-in plugins, in the order of their names. */
export const builtIn = (): Promise<readonly Plugin[]> =>
  Promise.all(
    Object.keys(BUILT_IN)
      .sort()
      .flatMap((name) => BUILT_IN[name]?.() ?? []),
  );
