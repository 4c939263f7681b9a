import { beforeAll, describe, expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { hasWords, script } from "../scripts/site/search.ts";
import { site, sitePages } from "../scripts/site.ts";

// The site of the docs, as `bun run site` writes it.

let files: ReadonlyMap<string, string> = new Map();
let html = "";
const found: { href: string[]; id: string[]; attributes: string[]; src: string[] } = {
  href: [],
  id: [],
  attributes: [],
  src: [],
};

beforeAll(async () => {
  files = await site();
  html = files.get("index.html") ?? "";
  await new HTMLRewriter()
    .on("*", {
      element: ({ tagName, attributes }) => {
        for (const [name = "", value = ""] of attributes) {
          found.attributes.push(`${tagName} ${name}`);
          if (name === "href") found.href.push(value);
          if (name === "src") found.src.push(value);
          if (name === "id") found.id.push(value);
        }
      },
    })
    .transform(new Response(html))
    .text();
});

test("every page of the docs is on it", async () => {
  const docs = (await readdir("docs", { recursive: true })).filter((name) => /(?<!\.notes)\.md$/.test(name));
  const paths = (await sitePages()).map(({ path }) => path);
  for (const name of docs) expect(paths).toContain(`docs/${name}`);
  expect(paths[0]).toBe("README.md");
  expect(html.match(/<article /g)).toHaveLength(paths.length);
});

test("every link leads to a heading of the page, to a file of the site, or elsewhere by https", () => {
  expect(found.href.length).toBeGreaterThan(100);
  const ids = new Set(found.id);
  const broken = found.href.filter((href) =>
    href.startsWith("#") ? !ids.has(href.slice(1)) : !/^https:\/\//.test(href) && !files.has(href),
  );
  expect(broken).toEqual([]);
});

test("no two elements have one id", () => expect(found.id.length).toBe(new Set(found.id).size));

describe("the page asks for nothing and runs nothing but its own script:", () => {
  test("its policy allows this style and this script, by their digests", () => {
    const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(html)?.[1] ?? "";
    const digest = (text: string) => new Bun.CryptoHasher("sha256").update(text).digest("base64");
    const parts = (name: string) => [...html.matchAll(new RegExp(`<${name}>(.*?)</${name}>`, "gs"))];
    const [styles, scripts] = [parts("style"), parts("script")];
    expect([styles.length, scripts.length]).toEqual([1, 1]);
    expect(policy).toContain(`style-src 'sha256-${digest(styles[0]?.[1] ?? "")}'`);
    expect(policy).toContain(`script-src 'sha256-${digest(scripts[0]?.[1] ?? "")}'`);
    expect(policy).toStartWith("default-src 'none';");
    expect(policy).not.toContain("unsafe");
  });

  test("no image, style or handler is from elsewhere or within the text", () => {
    for (const src of found.src) expect(src).toMatch(/^data:image\/(?:svg\+xml;base64,PHN2|png;base64,iVBOR)/);
    expect(found.attributes.filter((one) => / (?:style|on\w+|srcset)$/.test(one))).toEqual([]);
    expect(found.attributes.filter((one) => /^(?:link|iframe|object|embed) /.test(one))).toEqual([]);
  });
});

test("it is readable without the script: nothing but the search box is hidden", () => {
  expect(found.attributes.filter((one) => one.endsWith(" hidden"))).toEqual(["search hidden"]);
  expect(html).toContain("prefers-color-scheme: dark");
});

test("the search finds sections that have every word, in any order and case", () => {
  expect(hasWords("Upload a qcow2 to OpenStack", "openstack QCOW2")).toBe(true);
  expect(hasWords("Upload a qcow2 to OpenStack", "incus qcow2")).toBe(false);
  expect(hasWords("anything", "")).toBe(true);
  expect(() => new Function(script)).not.toThrow();
});
