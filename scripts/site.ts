import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, extname, join, normalize } from "node:path";
import { script } from "./site/search.ts";

// `bun run site`: dist/site/, the README and all of docs/ on one page, with what they link to beside it. The page needs no script, no server
// and nothing from elsewhere; a script of a few lines searches it. Markdown is read by Bun itself.

const ROOT = join(import.meta.dir, "..");
const OUT = join(ROOT, "dist", "site");

const GROUPS: readonly (readonly [title: string, is: RegExp])[] = [
  ["Start", /^README\.md$/],
  ["Tasks", /^docs\/tasks\//],
  ["Reference", /^docs\/[^/]+\.md$/],
  ["Backends", /^docs\/backends\//],
  ["Pipelines", /^docs\/ci\//],
  ["Project", /^[A-Z]+\.md$/],
];

interface SitePage {
  readonly path: string;
  readonly title: string;
  readonly text: string;
}

/** The pages of the site, in its order. The notes of a backend are a part of its page. */
export async function sitePages(): Promise<readonly SitePage[]> {
  const docs = (await readdir(join(ROOT, "docs"), { recursive: true })).map((name) => `docs/${name}`);
  const own = (await readdir(ROOT)).filter((name) => name.endsWith(".md"));
  const paths = [...own, ...docs].filter((path) => path.endsWith(".md") && !path.endsWith(".notes.md"));
  const pages = paths.map(async (path) => {
    const text = (await readFile(join(ROOT, path), "utf8")).replace(/<!--.*?-->\n?/gs, "");
    return { path, text, title: /^# (.+)$/m.exec(text)?.[1]?.replaceAll("`", "") ?? path };
  });
  const rank = ({ path }: SitePage) => `${GROUPS.findIndex(([, is]) => is.test(path))} ${path.replace("README", " ")}`;
  return (await Promise.all(pages)).toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1));
}

/** The id of a page: `docs/backends/README.md` is `backends`. */
const idOf = (path: string): string =>
  path === "README.md"
    ? "images"
    : path
        .replace(/^docs\//, "")
        .replace(/(\/README)?\.md$/, "")
        .replaceAll("/", "-");

const escaped = (text: string): string => text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);

/** An image as a part of the page. */
async function inlined(path: string): Promise<string> {
  const type = path.endsWith(".svg") ? "svg+xml" : extname(path).slice(1);
  return `data:image/${type};base64,${(await readFile(join(ROOT, path))).toString("base64")}`;
}

/** A page as an article with a section for each heading of the second level. `linked` gets the files that it leads to. */
async function article(page: SitePage, known: ReadonlySet<string>, linked: Set<string>): Promise<string> {
  const id = idOf(page.path);
  const html = Bun.markdown.html(page.text, { headings: { ids: true }, tagFilter: true, noHtmlBlocks: true });
  const target = (href: string): string => {
    if (/^[a-z]+:/.test(href)) return href;
    const [path = "", anchor] = href.split("#");
    const to = path === "" ? page.path : normalize(join(dirname(page.path), path)).replace(/\/$/, "");
    if (known.has(to)) return anchor === undefined ? `#${idOf(to)}` : `#${idOf(to)}--${anchor}`;
    linked.add(to);
    return to;
  };
  const rewritten = new HTMLRewriter()
    .on("h1, h2, h3, h4, h5, h6", {
      element: (node) => {
        node.setAttribute("id", node.tagName === "h1" ? id : `${id}--${node.getAttribute("id") ?? ""}`);
      },
    })
    .on("a", { element: (node) => void node.setAttribute("href", target(node.getAttribute("href") ?? "")) })
    // What scrolls sideways can be reached by the keyboard; a heading of a column without words is none.
    .on("pre, table", { element: (node) => void node.setAttribute("tabindex", "0") })
    .on("img", {
      element: async (node) => {
        const from = join(dirname(page.path), node.getAttribute("src") ?? "");
        node.setAttribute("src", await inlined(from));
      },
    })
    .transform(new Response(html.replace(/<th>\s*<\/th>/g, "<td></td>")));
  const sections = (await rewritten.text()).split(/(?=<h2[ >])/).map((part) => `<section>\n${part}</section>\n`);
  return `<article data-title="${escaped(page.title)}">\n${sections.join("")}</article>\n`;
}

function contents(pages: readonly SitePage[]): string {
  const groups = GROUPS.map(([title, is]) => {
    const items = pages
      .filter(({ path }) => GROUPS.find(([, one]) => one.test(path))?.[1] === is)
      .map(({ path, title }) => `<li><a href="#${idOf(path)}">${escaped(title)}</a></li>\n`);
    return `<h2>${title}</h2>\n<ul>\n${items.join("")}</ul>\n`;
  });
  return groups.join("");
}

const hash = (text: string): string => `'sha256-${new Bun.CryptoHasher("sha256").update(text).digest("base64")}'`;

/** The files of the site by their paths in it. @throws where a page leads to a file that is not there */
export async function site(): Promise<ReadonlyMap<string, string>> {
  const pages = await sitePages();
  const known = new Set(pages.map(({ path }) => path));
  const linked = new Set<string>();
  const articles: string[] = [];
  for (const page of pages) articles.push(await article(page, known, linked));
  const style = await readFile(join(import.meta.dir, "site", "page.css"), "utf8");
  const policy = `default-src 'none'; style-src ${hash(style)}; script-src ${hash(script)}; img-src data:; base-uri 'none'; form-action 'none'`;
  const index = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>images: declarative machine images</title>
<style>${style}</style>
</head>
<body>
<a class="skip" href="#images">Skip the table of contents</a>
<nav aria-label="Contents">
<search hidden><input type="search" aria-label="Search" placeholder="Search (press /)"><output></output></search>
${contents(pages)}</nav>
<main>
${articles.join("")}</main>
<script>${script}</script>
</body>
</html>
`;
  const files = [...linked].toSorted().map(async (path) => [path, await readFile(join(ROOT, path), "utf8")] as const);
  return new Map([["index.html", index], ...(await Promise.all(files))]);
}

if (import.meta.main) {
  await rm(OUT, { recursive: true, force: true });
  for (const [path, text] of await site()) {
    await mkdir(dirname(join(OUT, path)), { recursive: true });
    await writeFile(join(OUT, path), text);
  }
  console.log(join(OUT, "index.html"));
}
