/** Names of query parameters that carry a right, or that change with every signed URL: of object stores, and of common APIs. */
const SECRET =
  /^x-(amz|goog|oss|cos|ms)-|signature|(^|[-_])sig$|token|secret|pass|pwd|key|cred|auth|jwt|hmac|session|verify|policy|expires|ticket|nonce|saml|^hdn|^(code|tok|md5|hash|magic|otp|pin|sas|se|sp|sv|sr|st)$/i;

/** Whether the value of this query parameter is secret. */
export const isSecretParameter = (name: string): boolean => SECRET.test(name);

/** A query that is one long word without a name (`…/x.img?Zk3vQ…`): the whole of it is a right. */
export const isBareSecret = (name: string, value: string): boolean => value === "" && /^[^./\s]{12,}$/.test(name);
