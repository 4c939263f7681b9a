/** Names of query parameters that carry a right, or that change with every signed URL: of object stores, and of common APIs. */
const SECRET =
  /^x-(amz|goog|oss|cos|ms)-|signature|(^|[-_])sig$|token|secret|pass|pwd|key|cred|auth|jwt|hmac|session|verify|policy|expires|^(code|otp|pin|sas|se|sp|sv|sr|st)$/i;

/** May the value of this query parameter be seen by nobody? */
export const isSecretParameter = (name: string): boolean => SECRET.test(name);
