import { boolean, oneOf, optional, string } from "images";

const said = (doc: string, also: readonly string[] = []) => optional(string(), doc, { also });

/** `[backend.NAME]` with `plugin = "openstack"`. What is not written comes from clouds.yaml, then from OS_* in the environment. */
export const config = {
  cloud: optional(
    string(),
    "The cloud in clouds.yaml (and secure.yaml beside it). Default: OS_CLOUD. The files are looked for where openstack looks for them: OS_CLIENT_CONFIG_FILE, the directory of images.toml, ~/.config/openstack, /etc/openstack.",
    { example: "mycloud" },
  ),
  auth_url: optional(string(), "Where Keystone is; OS_AUTH_URL.", { example: "https://keystone.example.org:5000/v3" }),
  auth_type: optional(
    oneOf(
      "password",
      "v3password",
      "token",
      "v3token",
      "v3applicationcredential",
      "v3application_credential",
      "admin_token",
      "none",
    ),
    "How to log in. Default: by what is given. `admin_token` uses the token as it is, `none` uses none; both need `endpoint`.",
  ),
  username: said("The user; OS_USERNAME.", ["user_name"]),
  user_id: said("The user by id; OS_USER_ID."),
  password: optional(string(), "The password, by reference; OS_PASSWORD.", {
    sensitive: true,
    example: "env:OS_PASSWORD",
  }),
  user_domain_name: said("The domain of the user; OS_USER_DOMAIN_NAME. Default: the domain `default`."),
  user_domain_id: said("The same by id; OS_USER_DOMAIN_ID."),
  project_name: said("The project; OS_PROJECT_NAME.", ["tenant_name"]),
  project_id: said("The project by id; OS_PROJECT_ID.", ["tenant_id"]),
  project_domain_name: said("The domain of the project; OS_PROJECT_DOMAIN_NAME. Default: the domain `default`."),
  project_domain_id: said("The same by id; OS_PROJECT_DOMAIN_ID."),
  domain_name: said("A domain in the place of a project; OS_DOMAIN_NAME."),
  domain_id: said("The same by id; OS_DOMAIN_ID."),
  system_scope: optional(oneOf("all"), "The whole system in the place of a project; OS_SYSTEM_SCOPE."),
  trust_id: said("A trust in the place of a project; OS_TRUST_ID."),
  application_credential_id: said("An application credential; OS_APPLICATION_CREDENTIAL_ID."),
  application_credential_name: said("The same by name, with its user beside it; OS_APPLICATION_CREDENTIAL_NAME."),
  application_credential_secret: optional(string(), "Its secret, by reference; OS_APPLICATION_CREDENTIAL_SECRET.", {
    sensitive: true,
    example: "env:OS_APPLICATION_CREDENTIAL_SECRET",
  }),
  auth_token: optional(
    string(),
    "A token, by reference; OS_TOKEN. It cannot be renewed for longer than it is good for.",
    {
      sensitive: true,
      also: ["token"],
      example: "env:OS_TOKEN",
    },
  ),
  region: said("The region; OS_REGION_NAME. Default: the first that the catalogue names.", ["region_name"]),
  interface: optional(
    oneOf("public", "internal", "admin", "publicURL", "internalURL", "adminURL"),
    "Which of the endpoints; OS_INTERFACE. Default: public.",
    { also: ["endpoint_type"] },
  ),
  endpoint: optional(
    string(),
    "Where Glance is, in the place of what the catalogue says; OS_IMAGE_ENDPOINT_OVERRIDE.",
    { also: ["image_endpoint_override"], example: "https://glance.example.org:9292" },
  ),
  cacert: said("A file with the authorities that signed the servers' certificates; OS_CACERT.", ["cacert_file"]),
  cert: said("A file with a client certificate; OS_CERT."),
  key: said("A file with its key; OS_KEY."),
  insecure: optional(boolean(), "True: any certificate of a server will do; OS_INSECURE."),
};
export type OpenstackConfig = typeof config;
