import { Failure, type HttpClient } from "images";
import { isEnvelope, isServer, isToken, parsed } from "./wire.ts";

/** Makes sure, once, that a server trusts our certificate; with a trust token it is added. */
export class ServerTrust {
  readonly #door: HttpClient;
  readonly #facts: { readonly token: string | undefined; readonly isKnown: boolean; readonly signal: AbortSignal };
  #asked: Promise<void> | undefined;

  /** `door` is one of its own, that does not wait for this. */
  constructor(door: HttpClient, facts: { token: string | undefined; isKnown: boolean; signal: AbortSignal }) {
    this.#door = door;
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
      const answer = parsed(await this.#door.json("GET", "1.0", { signal }), isEnvelope, "an answer").metadata;
      const { auth, auth_methods } = parsed(answer, isServer, "a server");
      if (auth === "trusted") return;
      const methods = auth_methods ?? [];
      if (methods.includes("oidc") && !methods.includes("tls"))
        throw new Failure(
          "backend.auth",
          "the server logs people in by OIDC alone, and trusts no client certificates",
          {
            hint: "use its unix socket on the server itself; a login in a browser is not supported",
          },
        );
      if (token === undefined) {
        const what = isKnown ? "does not trust our certificate" : "was shown no certificate";
        const people = methods.includes("oidc") ? "; its people log in by OIDC, which is not supported here" : "";
        throw new Failure("backend.auth", `the server ${what}${people}`, {
          hint: "`incus config trust add NAME` on the server makes a `token`; or set `cert` and `key` of a client that it trusts",
        });
      }
      const json = { type: "client", trust_token: token.trim() };
      await this.#door.json("POST", "1.0/certificates", { signal, json });
    } catch (thrown) {
      if (!(thrown instanceof Failure) || !/^backend\.(denied|refused)$/.test(thrown.code)) throw thrown;
      throw new Failure("backend.auth", `the server did not take the trust token: ${thrown.message}`, {
        hint: "a token is good once, and for a time: make another one with `incus config trust add NAME`",
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
      hint: "`incus config trust add NAME` prints one",
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
