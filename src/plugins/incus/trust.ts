import { Failure, type HttpClient } from "images";
import { isEnvelope, isServer, isToken, parsed } from "./wire.ts";

/** Makes sure, once, that a server trusts our certificate; with a trust token it is added. */
export class ServerTrust {
  readonly #http: HttpClient;
  readonly #facts: { readonly token: string | undefined; readonly isKnown: boolean; readonly signal: AbortSignal };
  #asked: Promise<void> | undefined;

  /** `client` is one of its own, that does not wait for this. */
  constructor(http: HttpClient, facts: { token: string | undefined; isKnown: boolean; signal: AbortSignal }) {
    this.#http = http;
    this.#facts = facts;
  }

  /** Resolves when it does. @throws Failure backend.auth */
  async ready(): Promise<void> {
    this.#asked ??= this.#ask();
    try {
      await this.#asked;
    } catch (thrown) {
      if (!(thrown instanceof Failure && thrown.code === "backend.auth")) this.#asked = undefined;
      throw thrown;
    }
  }

  async #ask(): Promise<void> {
    const { token, isKnown, signal } = this.#facts;
    try {
      const answer = parsed(await this.#http.json("GET", "1.0", { signal }), isEnvelope, "an answer").metadata;
      const { auth, auth_methods } = parsed(answer, isServer, "a server");
      if (auth === "trusted") return;
      const methods = auth_methods ?? [];
      if (methods.includes("oidc") && !methods.includes("tls"))
        throw new Failure("backend.auth", "the server accepts OIDC logins only, no client certificates", {
          hint: "use its unix socket on the server itself; a login in a browser is not supported",
        });
      if (token === undefined) {
        const what = isKnown ? "does not trust the client certificate" : "received no client certificate";
        const people = methods.includes("oidc") ? "; it uses OIDC logins, which are not supported" : "";
        throw new Failure("backend.auth", `the server ${what}${people}`, {
          hint: "get a `token` with `incus config trust add NAME` on the server, or set `cert` and `key` of a trusted client",
        });
      }
      const json = { type: "client", trust_token: token.trim() };
      await this.#http.json("POST", "1.0/certificates", { signal, json });
    } catch (thrown) {
      if (!(thrown instanceof Failure) || !/^backend\.(denied|refused)$/.test(thrown.code)) throw thrown;
      throw new Failure("backend.auth", `the server rejected the trust token: ${thrown.message}`, {
        hint: "a token is valid once and for a limited time: get another one with `incus config trust add NAME`",
        cause: thrown,
      });
    }
  }
}

/** @throws Failure config.value */
function opened(token: string): { fingerprint: string; addresses: readonly string[] } {
  try {
    return parsed(JSON.parse(Buffer.from(token.trim(), "base64").toString("utf8")), isToken, "a trust token");
  } catch {
    throw new Failure("config.value", "invalid `token`: expected an Incus trust token", {
      hint: "get one with `incus config trust add NAME`",
    });
  }
}

/** The address of the server that made the token. */
export const addressOf = (token: string): string | undefined => {
  const [first] = opened(token).addresses;
  return first === undefined ? undefined : `https://${first}`;
};
/** sha256 of the certificate of the server that made the token. */
export const fingerprintOf = (token: string): string => opened(token).fingerprint;
