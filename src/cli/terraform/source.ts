import { redactUrls } from "../../core/config/redact.ts";
import type { Attributes } from "../../core/model/value.ts";
import { type KnownValue, type Mapped, text } from "./values.ts";

/** The words for a URL: what of it is secret is taken out, and reported apart. */
export function sourceOf(
  attributes: KnownValue,
): { readonly attributes: Attributes } & Pick<Mapped, "secrets" | "notes"> {
  const written = text(attributes["image_source_url"]);
  if (written === undefined) return { attributes: {} };
  const { url, username, password } = bare(written);
  if (redactUrls(url) !== url)
    return {
      attributes: {},
      notes: ["its image_source_url contains a signature or a token, which is not stored; set its source again"],
    };
  const user = text(attributes["image_source_username"]) ?? username;
  const secret = text(attributes["image_source_password"]) ?? password;
  return {
    attributes: { image_source_url: url, ...(user === undefined ? {} : { image_source_username: user }) },
    ...(secret === undefined ? {} : { secrets: { image_source_password: secret } }),
  };
}

/** A URL without user and password. */
function bare(written: string): { readonly url: string; readonly username?: string; readonly password?: string } {
  const url = URL.parse(written);
  if (url === null || (url.username === "" && url.password === "")) return { url: written };
  const [username, password] = [decoded(url.username), decoded(url.password)];
  url.username = "";
  url.password = "";
  return {
    url: url.href,
    ...(username === "" ? {} : { username }),
    ...(password === "" ? {} : { password }),
  };
}

const decoded = (part: string): string => {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
};

/** A URL as it is without what makes it valid for a while. */
export const unsigned = (url: string): string => (redactUrls(url) === url ? url : url.replace(/[?#].*$/s, ""));
