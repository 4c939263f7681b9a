import { timingSafeEqual } from "node:crypto";
import { refusals } from "./refusal.ts";
import { momentOf, type Request4, readSigned, verifies } from "./signature.ts";

export interface Account {
  /** 12 digits. */
  readonly id: string;
  /** How others see the owner of its images. */
  readonly alias?: string;
  readonly email: string;
  readonly password: string;
  /** 20 characters. */
  readonly accessKey: string;
  /** 40 characters. */
  readonly secretKey: string;
}

const SKEW_MS = 5 * 60_000;
const TRIES = 4;
const LONGEST_MINUTES = 10;

interface Failures {
  count: number;
  lockedUntil: number;
}

/** Says whose request it is. After every four failures in a row the key is locked, a minute longer each time. */
export class Access {
  readonly #accounts: readonly Account[];
  readonly #now: () => number;
  readonly #failures = new Map<string, Failures>();

  constructor(accounts: readonly Account[], now: () => number) {
    this.#accounts = accounts;
    this.#now = now;
  }

  /** @throws Refused with HTTP 401 */
  check(request: Request4): Account {
    const authorization = request.headers["authorization"];
    if (authorization === undefined) throw refusals.unauthorized("The request is not signed.");
    const [scheme = ""] = authorization.split(" ");
    return scheme.toLowerCase() === "basic" ? this.#basic(request, authorization) : this.#signed(request);
  }

  #signed(request: Request4): Account {
    const signed = readSigned(request.headers);
    if (typeof signed === "string") throw refusals.unauthorized(`The signature cannot be checked: ${signed}.`);
    this.#refuseLocked(signed.accessKey);
    const account = this.#accounts.find((one) => one.accessKey === signed.accessKey);
    if (account === undefined) throw this.#failed(signed.accessKey, "The access key is unknown.");
    if (!verifies(request, signed, account.secretKey)) {
      throw this.#failed(signed.accessKey, "The signature does not match.");
    }
    this.#refuseSkewed(signed.date);
    this.#failures.delete(signed.accessKey);
    return account;
  }

  #basic(request: Request4, authorization: string): Account {
    const text = Buffer.from(authorization.slice("basic ".length), "base64").toString();
    const colon = text.indexOf(":");
    const email = text.slice(0, Math.max(colon, 0));
    this.#refuseLocked(email);
    const account = this.#accounts.find((one) => one.email === email);
    if (account === undefined || !isEqual(account.password, text.slice(colon + 1))) {
      throw this.#failed(email, "The login or the password is wrong.");
    }
    const date = request.headers["x-osc-date"];
    if (date !== undefined) this.#refuseSkewed(date);
    this.#failures.delete(email);
    return account;
  }

  #refuseSkewed(date: string): void {
    const skew = Math.abs(this.#now() - momentOf(date));
    if (!(skew <= SKEW_MS)) throw refusals.unauthorized("The date of the request is more than 5 minutes off.");
  }

  #refuseLocked(name: string): void {
    const until = this.#failures.get(name)?.lockedUntil ?? 0;
    if (this.#now() < until) throw refusals.unauthorized("Too many failed attempts: try again later.");
  }

  #failed(name: string, details: string): Error {
    const count = (this.#failures.get(name)?.count ?? 0) + 1;
    const minutes = count % TRIES === 0 ? Math.min(count / TRIES, LONGEST_MINUTES) : 0;
    this.#failures.set(name, { count, lockedUntil: minutes === 0 ? 0 : this.#now() + minutes * 60_000 });
    return refusals.unauthorized(details);
  }
}

function isEqual(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
