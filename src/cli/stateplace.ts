import { resolve } from "node:path";
import type { Secrets } from "../core/config/secrets.ts";
import { isAddress, NOT_HTTP } from "../core/config/stateplace.ts";
import { isUrl } from "../core/config/world.ts";
import { Failure } from "../core/failure.ts";
import type { StatePlace } from "../core/model/declaration.ts";
import type { Door, DoorOptions } from "../core/net/door.ts";
import { decoded, pairOf } from "../core/net/proxy.ts";
import { fileStorage } from "../core/store/file.ts";
import { httpStorage } from "../core/store/http.ts";
import type { Storage } from "../core/store/storage.ts";

/**
 * The settings with the state where a command line has it: a path from `cwd`, or a URL. User and password of the file go along to the
 * same server only.
 * @throws Failure config.value, config.secret
 */
export function named<S extends StatePlace>(
  state: string,
  cwd: string,
  settings: S,
): Omit<S, keyof StatePlace> & StatePlace {
  const { state: written, username, password, ...rest } = settings;
  if (!isUrl(state)) return { ...rest, state: resolve(cwd, state) };
  if (!isAddress(state)) throw new Failure("config.value", `--state: ${NOT_HTTP}`, { hint: "as in https://host/path" });
  if (new URL(state).password !== "")
    throw new Failure(
      "config.secret",
      "--state has a password in its URL, which every process on this machine can read",
      {
        hint: 'take it out of the URL, and write state_password = "env:NAME" in [settings]',
      },
    );
  const isSame = isAddress(written) && new URL(written).origin === new URL(state).origin;
  if (!isSame) return { ...rest, state };
  return {
    ...rest,
    state,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  };
}

/** The state's storage, and what is to be closed once the state is not needed any more. Nothing is asked before the first call. */
export function storageOf(
  { state, username, password }: StatePlace,
  secrets: Pick<Secrets, "resolve" | "text" | "conceal">,
  open: (options: DoorOptions) => Door,
): { readonly storage: Storage; readonly close?: AsyncDisposable } {
  if (!isAddress(state)) return { storage: fileStorage(state) };
  const url = new URL(state);
  const user = username ?? decoded(url.username);
  url.username = "";
  const headers = async (): Promise<Readonly<Record<string, string>>> => {
    if (user === "" && password === undefined) return {};
    const secret = password === undefined ? "" : await secrets.resolve(password);
    const basic = pairOf(await secrets.text(user), secret);
    secrets.conceal(basic);
    return { authorization: `Basic ${basic}` };
  };
  const door = open({ url: url.href, headers, credentials: "`state_username` and `state_password`" });
  return { storage: httpStorage(door, url.href), close: door };
}
