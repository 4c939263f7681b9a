import { isAbsolute, resolve } from "node:path";
import { isPluginFile } from "../core/config/backends.ts";
import { Failure } from "../core/failure.ts";
import { pluginFrom } from "../core/load.ts";
import { nearest } from "../core/model/nearest.ts";
import type { Plugin } from "../core/plugin.ts";
import { readPlugin } from "../core/plugincode.ts";
import { PluginLock } from "./plugin-lock.ts";

/** The plugins of the binary, loaded when they are asked for. The only way from the program to them. */
export const BUILT_IN: Readonly<Record<string, () => Promise<Plugin>>> = {
  incus: async () => (await import("../plugins/incus/index.ts")).incus,
  linode: async () => (await import("../plugins/linode/index.ts")).linode,
  local: async () => (await import("../plugins/local/index.ts")).local,
  openstack: async () => (await import("../plugins/openstack/index.ts")).openstack,
  outscale: async () => (await import("../plugins/outscale/index.ts")).outscale,
  s3: async () => (await import("../plugins/s3/index.ts")).s3,
  vkcs: async () => (await import("../plugins/vkcs/index.ts")).vkcs,
};

/** Which plugin files may run: those of `images.lock` alone, or also new ones, which are pinned then and reported to `note`. */
type PluginTrust = "pinned" | { note(text: string): void };

/** A built-in plugin by its name, or one from a file, as `images.lock` pins it. @throws Failure plugin.* */
export async function findPlugin(plugin: string, directory: string, trust: PluginTrust): Promise<Plugin> {
  const builtIn = Object.hasOwn(BUILT_IN, plugin) ? BUILT_IN[plugin] : undefined;
  if (builtIn !== undefined) return await builtIn();
  if (!isPluginFile(plugin)) {
    const near = nearest(plugin, Object.keys(BUILT_IN));
    throw new Failure("plugin.unknown", `there is no plugin ${JSON.stringify(plugin)}`, {
      hint:
        near === undefined
          ? `built in: ${Object.keys(BUILT_IN).join(", ")}; a path like "./x.ts" names a file`
          : `did you mean ${near}?`,
    });
  }
  const path = isAbsolute(plugin) ? plugin : resolve(directory, plugin);
  const code = await readPlugin(path);
  await new PluginLock(directory).check(code, trust === "pinned" ? undefined : (text) => trust.note(text));
  return await pluginFrom(code);
}

/** All built-in plugins, in the order of their names. */
export const builtIn = (): Promise<readonly Plugin[]> =>
  Promise.all(
    Object.keys(BUILT_IN)
      .sort()
      .flatMap((name) => BUILT_IN[name]?.() ?? []),
  );
