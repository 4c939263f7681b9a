import { boolean, oneOf, optional, string } from "images";

const said = (doc: string, also: readonly string[] = []) => optional(string(), doc, { also });

/** `[backend.NAME]` with `plugin = "openstack"`. What is not written comes from clouds.yaml, then from OS_* in the environment. */
export const config = {
  cloud: optional(
    string(),
    "The cloud in clouds.yaml (and secure.yaml next to it). Default: OS_CLOUD. The files are searched where openstack searches them: OS_CLIENT_CONFIG_FILE, the directory of images.toml, ~/.config/openstack, /etc/openstack.",
    { example: "mycloud" },
  ),
  auth_url: optional(string(), "The URL of Keystone; OS_AUTH_URL.", {
    example: "https://keystone.example.org:5000/v3",
  }),
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
    "The login method. Default: by the credentials that are set. `admin_token` uses the token as it is, `none` uses none; both need `endpoint`.",
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
  domain_name: said("A domain instead of a project; OS_DOMAIN_NAME."),
  domain_id: said("The same by id; OS_DOMAIN_ID."),
  system_scope: optional(oneOf("all"), "The whole system instead of a project; OS_SYSTEM_SCOPE."),
  trust_id: said("A trust instead of a project; OS_TRUST_ID."),
  application_credential_id: said("An application credential; OS_APPLICATION_CREDENTIAL_ID."),
  application_credential_name: said("The same by name, together with its user; OS_APPLICATION_CREDENTIAL_NAME."),
  application_credential_secret: optional(string(), "Its secret, by reference; OS_APPLICATION_CREDENTIAL_SECRET.", {
    sensitive: true,
    example: "env:OS_APPLICATION_CREDENTIAL_SECRET",
  }),
  auth_token: optional(string(), "A token, by reference; OS_TOKEN. It cannot be renewed after it expires.", {
    sensitive: true,
    also: ["token"],
    example: "env:OS_TOKEN",
  }),
  region: said("The region; OS_REGION_NAME. Default: the first in the catalog.", ["region_name"]),
  interface: optional(
    oneOf("public", "internal", "admin", "publicURL", "internalURL", "adminURL"),
    "The endpoint interface; OS_INTERFACE. Default: public.",
    { also: ["endpoint_type"] },
  ),
  endpoint: optional(string(), "The URL of Glance, instead of that in the catalog; OS_IMAGE_ENDPOINT_OVERRIDE.", {
    also: ["image_endpoint_override"],
    example: "https://glance.example.org:9292",
  }),
  cacert: said("A file with CA certificates of the servers; OS_CACERT.", ["cacert_file"]),
  cert: said("A file with a client certificate; OS_CERT."),
  key: said("A file with its key; OS_KEY."),
  insecure: optional(boolean(), "True: accept any server certificate; OS_INSECURE."),
};
export type OpenstackConfig = typeof config;
