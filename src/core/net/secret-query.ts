/** Names of query parameters that carry a right, or that change with every signed URL: of object stores, and of common APIs. */
const SECRET =
  /^x-(amz|goog|oss|cos|ms)-|signature|(^|[-_])sig$|token|secret|pass|pwd|key|cred|auth|jwt|hmac|session|verify|policy|expires|ticket|nonce|saml|^hdn|^(code|tok|md5|hash|magic|otp|pin|sas|se|sp|sv|sr|st)$/i;

/** Whether the value of this query parameter is secret. */
export const isSecretParameter = (name: string): boolean => SECRET.test(name);

/** A query that is one long word without a name (`…/x.img?Zk3vQ…`): the whole of it is a right. */
export const isBareSecret = (name: string, value: string): boolean => value === "" && /^[^./\s]{12,}$/.test(name);

/** Names so short that they say nothing: `e`, `h`, `s`, `t` of content networks. Those that usually choose a file are left out. */
const VAGUE = /^(?!(?:f|fn|id|n|o|os|q|v)$)[a-z]{1,2}$/i;
/** Words, small numbers, versions (`12.04-1`), and what has directories or an extension. */
const PLAIN = /^(?:[a-z]{1,9}|[a-z-]{1,40}|\d{1,8}|v?\d+(?:[.-]\d+)*|[\w-]*[./][\w./-]*)$/i;
const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i;
/** The seconds, or milliseconds, at which a signed URL ends. */
const TIME = /^1[5-9]\d{8}(?:\d{3})?$/;
const WORD = 10;
const LONG = 16;

/** Whether a part of a value is nothing that people write: letters and digits in no order. */
function isRandom(part: string): boolean {
  if (part.length < WORD || !/^[a-z\d]+$/i.test(part)) return false;
  const kinds = [/[a-z]/, /[A-Z]/, /\d/].filter((kind) => kind.test(part)).length;
  const turns = [...part.matchAll(/[a-z](?=\d)|\d(?=[a-z])/gi)].length;
  const cases = [...part.matchAll(/[a-z](?=[A-Z])/g)].length;
  if (kinds === 3 && turns >= 2) return true;
  if (part.length >= LONG) return turns >= 3 || /^\d+$/.test(part) || cases >= 3;
  return turns >= 4;
}

/** Whether a value looks like a right, whatever its name: a word, a version and a path do not. */
export function isSecretValue(name: string, value: string): boolean {
  if (UUID.test(value) || TIME.test(value) || value.startsWith("eyJ")) return true;
  if (value.split(/[-_./+:~,=\s]/).some(isRandom)) return true;
  return VAGUE.test(name) && value !== "" && !PLAIN.test(value);
}
