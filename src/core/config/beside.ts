const BESIDE = /^\{([^{}]*)\}(.*)$/s;

/** Whether a text names a file beside each mirror: `{url}.sha256`, `{directory}/SHA256SUMS`. */
export const isBeside = (text: string): boolean => BESIDE.test(text);

/**
 * The URLs of a file that is beside each of the mirrors: `{url}` is that of the image without its query, `{directory}` that of its
 * directory. A text: what is wrong with it.
 */
export function besideEach(text: string, urls: readonly string[]): readonly string[] | string {
  const [, name, rest = ""] = BESIDE.exec(text) ?? [];
  if (name !== "url" && name !== "directory") return `unknown {${name}}: expected {url} or {directory}`;
  const bases = urls.filter(isWeb).map((url) => baseOf(new URL(url), name));
  if (bases.length === 0) return `{${name}} is only valid with url and urls`;
  const all = [...new Set(bases.map((base) => `${base}${rest}`))];
  return all.every(isWeb) ? all : `${all.find((one) => !isWeb(one))} is not a URL`;
}

function baseOf(url: URL, name: "url" | "directory"): string {
  url.search = "";
  url.hash = "";
  return name === "url" ? url.href : new URL(".", url).href.replace(/\/$/, "");
}

const isWeb = (text: string): boolean => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
