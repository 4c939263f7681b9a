import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BUN, BUN_PARTS } from "./runtimes.ts";
import { closure, directoryOf, type Locked, lockedIn, manifestOf } from "./sbom.ts";

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
  const directory = directoryOf(one);
  const { license = "", author } = await manifestOf(directory);
  const from = join(directory, SIBLINGS[one.name] ?? "");
  const files = (await readdir(from)).filter((name) => /^(licen[cs]e|copying|notice)/i.test(name)).sort();
  const texts = await Promise.all(files.map((name) => readFile(join(from, name), "utf8")));
  if (texts.length === 0 && license !== "MIT") throw new Error(`${one.name} has no licence text, and is not under MIT`);
  const holder = (typeof author === "string" ? author : author?.name) ?? `the authors of ${one.name}`;
  const body = texts.length === 0 ? mit(holder) : texts.map((text) => text.trim()).join("\n\n");
  return `${RULE}\n${one.name} ${one.version}: ${license}\n${RULE}\n\n${body.replaceAll("\r\n", "\n")}\n`;
}

const HEAD = (
  own: string,
  packages: readonly string[],
  versionOf: (name: string) => string,
) => `Licences of images and of everything in its binary

images itself:

${own.trim()}

The binary contains Bun, a runtime under the MIT licence, and these packages:

${packages.map((line) => `    ${line}`).join("\n")}

Parts under the GNU Lesser General Public License

  JavaScriptCore and WebKit (in Bun ${BUN})   LGPL 2.0 or later   https://github.com/oven-sh/WebKit, commit ${BUN_PARTS.webkit}
  TinyCC (in Bun ${BUN})                      LGPL 2.1            https://github.com/oven-sh/tinycc, commit ${BUN_PARTS.tinycc}
  node-liblzma ${versionOf("node-liblzma")}                        LGPL 3.0            https://github.com/oorabona/node-liblzma, tag v${versionOf("node-liblzma")}
  openpgp ${versionOf("openpgp")}                             LGPL 3.0 or later   https://github.com/openpgpjs/openpgpjs, tag v${versionOf("openpgp")}

  The four are used unchanged. You may change them, use images with the changed version, and reverse engineer it for debugging such changes.

  All that this takes is given with every release: the whole source of images, under the MIT licence, in images-VERSION-source.tar.gz beside
  the binaries (REPRODUCE.txt says how to build the same binary from it). To use another version

    of openpgp or node-liblzma:   unpack the source, bun install --production, change node_modules/openpgp or node_modules/node-liblzma
                                  (or name your version in package.json), bun scripts/build.ts
    of JavaScriptCore or TinyCC:  get https://github.com/oven-sh/bun at the tag bun-v${BUN}, put your version of WebKit into vendor/WebKit
                                  (of TinyCC into vendor/tinycc), bun run build:local; then, in the source of images,
                                  bun scripts/build.ts --runtime THE-BUN-THAT-YOU-BUILT

  Whoever gives the binaries to others has to give the sources named above to them as well, on request, for three years; keeping copies of
  them beside the release is the simple way. The texts of the GNU licences stand at the end.

  cssparser, dtoa-short and selectors (in lol-html, in Bun) are under the Mozilla Public License 2.0 and used unchanged; their source is
  published at https://crates.io under these names.

Data of others

  The cloud profiles of src/plugins/openstack/vendors.ts   Apache-2.0   openstacksdk 4.17.0 (openstack/config/vendors), of the OpenStack
  contributors, https://opendev.org/openstack/openstacksdk: changed, in that only what says who is asked, and where, is taken. The text
  of the licence stands below, with the packages that are under it.

Bun itself, and the parts that it is linked with, are named with their licences after the packages.
`;

/** The whole file. @throws Error where a package has neither a licence text nor the MIT licence */
export async function licenses(): Promise<string> {
  const { dependencies = {} } = await manifestOf(ROOT);
  const locked = lockedIn(await readFile(join(ROOT, "bun.lock"), "utf8"));
  const packages = closure(locked, Object.keys(dependencies));
  const named = await Promise.all(
    packages.map(async (one) => `${one.name} ${one.version}  ${(await manifestOf(directoryOf(one))).license ?? ""}`),
  );
  const gnu = ["LGPL-2", "LGPL-2.1", "LGPL-3", "GPL-3"].map(async (name) => {
    const text = await readFile(join(ROOT, "licenses", `${name}.txt`), "utf8");
    return `${RULE}\nGNU licence: ${name}\n${RULE}\n\n${text.trim()}\n`;
  });
  const versionOf = (name: string) => packages.find((one) => one.name === name)?.version ?? "";
  const head = HEAD(await readFile(join(ROOT, "LICENSE"), "utf8"), named, versionOf);
  const bun = `${RULE}\nBun ${BUN} and its parts\n${RULE}\n\n${await readFile(join(ROOT, "licenses", "BUN.txt"), "utf8")}`;
  return [head, ...(await Promise.all([...packages.map(textOf), bun, ...gnu]))].join("\n");
}

if (import.meta.main) await writeFile(FILE, await licenses());
