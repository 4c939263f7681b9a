import { Failure } from "images";

export type ImportMethod = "password" | "application_credential" | "token" | "given";

/** The values of `auth_type`, in the settings, in clouds.yaml and in OS_AUTH_TYPE. */
const TYPES: Readonly<Record<string, ImportMethod>> = {
  password: "password",
  v3password: "password",
  token: "token",
  v3token: "token",
  v3applicationcredential: "application_credential",
  v3application_credential: "application_credential",
  admin_token: "given",
  none: "given",
};

/** How to log in: as `auth_type` says, else by the first layer that has credentials. @throws Failure config.value */
export function howOf(layers: readonly Readonly<Record<string, unknown>>[], type: string | undefined): ImportMethod {
  if (type !== undefined) {
    const how = TYPES[type];
    if (how !== undefined) return how;
    throw new Failure("config.value", `auth_type ${JSON.stringify(type)} is not supported`, {
      hint: `supported: ${Object.keys(TYPES).join(", ")}; or get a token with it and use auth_type = "token"`,
    });
  }
  for (const layer of layers) {
    if (layer["application_credential_id"] !== undefined || layer["application_credential_name"] !== undefined)
      return "application_credential";
    if (layer["auth_token"] !== undefined) return "token";
    if (layer["username"] !== undefined || layer["user_id"] !== undefined) return "password";
  }
  return "password";
}
