/**
 * Headers of every answer (recorded). The type is exactly this, without a charset: the Go client decodes errors only
 * when it is the same text as its Accept header.
 */
export const standing: Readonly<Record<string, string>> = {
  "Access-Control-Allow-Credentials": "true",
  "Access-Control-Allow-Headers": "Authorization, Origin, X-Requested-With, Content-Type, Accept, X-Filter",
  "Access-Control-Allow-Methods": "HEAD, GET, OPTIONS, POST, PUT, DELETE",
  "Access-Control-Allow-Origin": "*",
  "Access-Control-Expose-Headers": "X-OAuth-Scopes, X-Accepted-OAuth-Scopes, X-Status",
  "Cache-Control": "max-age=0, no-cache, no-store",
  "Content-Security-Policy": "default-src 'none'",
  "Content-Type": "application/json",
  Pragma: "no-cache",
  "Strict-Transport-Security": "max-age=31536000",
  Vary: "Authorization, X-Filter",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
  "X-Spec-Version": "4.189.0",
  "X-Xss-Protection": "1; mode=block",
};
