import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { closure, folderOf, type Locked, lockedIn, manifestOf } from "./sbom.ts";

// `bun scripts/licenses.ts`: writes licenses/THIRD-PARTY.txt, the licences of all that is in a binary. `images version --licenses`
// prints it, and every package of a release has it. Made from bun.lock and the installed packages; a test compares.

const ROOT = join(import.meta.dir, "..");
export const FILE = join(ROOT, "licenses", "THIRD-PARTY.txt");
const RULE = "=".repeat(100);

/** What a package says itself where its archive has no licence text. */
const mit = (holder: string) => `MIT License

Copyright (c) ${holder}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the
"Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish,
distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to
the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF
MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR
ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH
THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;

/** Packages whose archive has no licence text, and one of the same repository whose archive has it. */
const SIBLINGS: Readonly<Record<string, string>> = { "@sigstore/verify": "../bundle" };

async function textOf(one: Locked): Promise<string> {
  const folder = folderOf(one);
  const { license = "", author } = await manifestOf(folder);
  const from = join(folder, SIBLINGS[one.name] ?? "");
  const files = (await readdir(from)).filter((name) => /^(licen[cs]e|copying|notice)/i.test(name)).sort();
  const texts = await Promise.all(files.map((name) => readFile(join(from, name), "utf8")));
  if (texts.length === 0 && license !== "MIT") throw new Error(`${one.name} has no licence text, and is not under MIT`);
  const holder = (typeof author === "string" ? author : author?.name) ?? `the authors of ${one.name}`;
  const body = texts.length === 0 ? mit(holder) : texts.map((text) => text.trim()).join("\n\n");
  return `${RULE}\n${one.name} ${one.version}: ${license}\n${RULE}\n\n${body.replaceAll("\r\n", "\n")}\n`;
}

const HEAD = (own: string, packages: readonly string[]) => `Licences of images and of everything in its binary

images itself:

${own.trim()}

The binary contains Bun, a runtime under the MIT licence, and these packages:

${packages.map((line) => `    ${line}`).join("\n")}

Parts under the GNU Lesser General Public License

  JavaScriptCore and WebKit (in Bun)   LGPL 2.0 or later    https://github.com/oven-sh/WebKit
  TinyCC (in Bun)                      LGPL 2.1             https://github.com/oven-sh/tinycc
  node-liblzma                         LGPL 3.0             the npm package named above
  openpgp                              LGPL 3.0 or later    the npm package named above

  They are used unchanged. You may change them and use images with the changed version: the whole source of images is under the MIT
  licence, and REPRODUCE.txt of a release says how to build the same binary, with another runtime (scripts/runtimes.ts) or another version
  of a package (package.json, bun.lock). Reverse engineering for debugging such changes is permitted. The source of Bun and of the parts
  in it is published at https://github.com/oven-sh/bun, with how to build it with another JavaScriptCore. The texts of the GNU
  licences stand at the end.

Data of others

  The cloud profiles of src/plugins/openstack/vendors.ts   Apache-2.0   openstacksdk 4.17.0 (openstack/config/vendors), of the OpenStack
  contributors, https://opendev.org/openstack/openstacksdk: changed, in that only what says who is asked, and where, is taken. The text
  of the licence stands below, with the packages that are under it.

Other parts of Bun: BoringSSL, Brotli (MIT), c-ares (MIT), ICU (Unicode-3.0), libarchive (BSD), libbase64 (BSD-2-Clause), libdeflate
(MIT), libuv (MIT, on Windows), lol-html (BSD-3-Clause), ls-hpack (MIT), mimalloc (MIT), picohttpparser (MIT), simdutf (Apache-2.0),
uSockets and uWebSockets (Apache-2.0), zlib-ng (Zlib), Zstandard (BSD).
`;

/** The whole file. @throws Error where a package has neither a licence text nor the MIT licence */
export async function licenses(): Promise<string> {
  const { dependencies = {} } = await manifestOf(ROOT);
  const locked = lockedIn(await readFile(join(ROOT, "bun.lock"), "utf8"));
  const packages = closure(locked, Object.keys(dependencies));
  const named = await Promise.all(
    packages.map(async (one) => `${one.name} ${one.version}  ${(await manifestOf(folderOf(one))).license ?? ""}`),
  );
  const gnu = ["LGPL-2", "LGPL-2.1", "LGPL-3", "GPL-3"].map(async (name) => {
    const text = await readFile(join(ROOT, "licenses", `${name}.txt`), "utf8");
    return `${RULE}\nGNU licence: ${name}\n${RULE}\n\n${text.trim()}\n`;
  });
  const head = HEAD(await readFile(join(ROOT, "LICENSE"), "utf8"), named);
  return [head, ...(await Promise.all([...packages.map(textOf), ...gnu]))].join("\n");
}

if (import.meta.main) await writeFile(FILE, await licenses());
