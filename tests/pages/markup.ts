const VOID = new Set(["meta", "link", "input", "br"]);

/**
 * What is wrong with a page that our own markup made: tags that are not closed in order, attributes without quotes or of a kind that runs
 * something, characters that hide text.
 */
export function fails(text: string): string[] {
  const wrong: string[] = [];
  const open: string[] = [];
  const bare = text
    .replace(/^<!doctype html>\n/, "")
    .replace(/<(style|script)>[\s\S]*?<\/\1>/g, "<$1></$1>")
    .replace(/<!--[\s\S]*?-->\n?$/, "");
  for (const [tag, end, name = "", rest = ""] of bare.matchAll(/<(\/?)([a-z0-9]+)([^<>]*)>/g)) {
    if (end === "/") {
      if (open.pop() !== name) wrong.push(tag);
      continue;
    }
    if (!rest.endsWith("/") && !VOID.has(name)) open.push(name);
    if (!/^(?: [a-zA-Z-]+(?:="[^"<>]*")?)*\/?$/.test(rest)) wrong.push(tag);
    if (/ (?:on[a-z]+|style|srcdoc)=/i.test(rest.replace(/"[^"]*"/g, '""'))) wrong.push(tag);
    if (/(?:href|src)="\s*(?:javascript|vbscript|data:[^,])/i.test(rest)) wrong.push(tag);
  }
  const between = bare.replace(/<\/?[a-z0-9]+[^<>]*>/g, "");
  for (const [bad] of between.matchAll(/[<>]|&(?!(?:amp|lt|gt|quot|#39);)/g)) wrong.push(bad);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is there to find them.
  for (const [bad] of text.matchAll(/[\u0000-\u0008\u000e-\u001f\u202a-\u202e\u2066-\u2069\u200b]/g)) wrong.push(bad);
  return [...wrong, ...open];
}
