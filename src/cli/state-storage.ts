import { resolve } from "node:path";
import type { Secrets } from "../core/config/secrets.ts";
import { faultOf, kindOf } from "../core/config/state-location.ts";
import { Failure } from "../core/failure.ts";
import type { StateLocation } from "../core/model/declaration.ts";
import type { HttpClient, HttpOptions } from "../core/net/client.ts";
import { decoded, pairOf } from "../core/net/proxy.ts";
import { fileStorage } from "../core/store/file.ts";
import { httpStorage, httpWords } from "../core/store/http/storage.ts";
import { parsePostgres } from "../core/store/postgres/location.ts";
import { postgresStorage } from "../core/store/postgres/storage.ts";
import { parseS3 } from "../core/store/s3/location.ts";
import { s3Storage } from "../core/store/s3/storage.ts";
import type { Storage } from "../core/store/storage.ts";

/**
 * The settings with the state where a command line has it: a path from `cwd`, or a URL. User and password of the file go along to the
 * same server only. `what` names the argument.
 * @throws Failure config.value, config.secret
 */
export function withStateOption<S extends StateLocation>(
  state: string,
  cwd: string,
  settings: S,
  what = "--state",
): Omit<S, keyof StateLocation> & StateLocation {
  const { state: written, username, password, http, ...rest } = settings;
  const kind = kindOf(state);
  if (kind === "file") return { ...rest, state: resolve(cwd, state) };
  if (URL.canParse(state) && new URL(state).password !== "")
    throw new Failure(
      "config.secret",
      `${what} has a password in its URL, which every process on this machine can read`,
      {
        hint: 'take it out of the URL, and write state_password = "env:NAME" in [settings]',
      },
    );
  const fault = faultOf(state);
  if (fault !== undefined) throw new Failure(fault.code, fault.message.replace(/^state\b/, what), { hint: fault.hint });
  const isSame = kindOf(written) === kind && serverOf(written) === serverOf(state);
  if (!isSame) return { ...rest, state };
  return {
    ...rest,
    state,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(http === undefined ? {} : { http }),
  };
}

function serverOf(state: string): string {
  const { protocol, host } = new URL(state);
  return `${protocol}//${host}`;
}

interface StateSurroundings {
  readonly secrets: Pick<Secrets, "resolve" | "text" | "maskSecret">;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly open: (options: HttpOptions) => HttpClient;
}

/** The state's storage, and what is to be closed once the state is not needed any more. Nothing is asked before the first call. */
export function storageOf(
  place: StateLocation,
  around: StateSurroundings,
): { readonly storage: Storage; readonly close?: AsyncDisposable } {
  const { secrets, env, open } = around;
  const maskSecret = (secret: string): void => secrets.maskSecret(secret);
  switch (kindOf(place.state)) {
    case "s3":
      return s3Storage(parseS3(place.state), { env, open, maskSecret: maskSecret });
    case "postgres":
      return postgresStorage(parsePostgres(place.state), {
        env,
        maskSecret,
        login: async () => await loginOf(place, secrets),
      });
    case "http":
      return overHttp(place, around);
    default:
      return { storage: fileStorage(place.state) };
  }
}

async function loginOf({ username, password }: StateLocation, secrets: StateSurroundings["secrets"]) {
  return {
    username: username === undefined ? undefined : await secrets.text(username),
    password: password === undefined ? undefined : await secrets.resolve(password),
  };
}

function overHttp({ state, username, password, http }: StateLocation, { secrets, open }: StateSurroundings) {
  const url = new URL(state);
  const user = username ?? decoded(url.username);
  url.username = "";
  const headers = async (): Promise<Readonly<Record<string, string>>> => {
    if (user === "" && password === undefined) return {};
    const secret = password === undefined ? "" : await secrets.resolve(password);
    const basic = pairOf(await secrets.text(user), secret);
    secrets.maskSecret(basic);
    return { authorization: `Basic ${basic}` };
  };
  const client = open({ url: url.href, headers, credentials: "`state_username` and `state_password`" });
  return { storage: httpStorage(client, url.href, httpWords(url.href, http)), close: client };
}
