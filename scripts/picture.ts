import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Screen, type Style } from "./screen.ts";

// docs/terminal.svg: the compiled binary in a terminal of 96 columns, as it looked at the end. Made by `bun run docs`, after `bun run build`.

export const PICTURE = resolve(import.meta.dir, "..", "docs", "terminal.svg");
const BINARY = resolve(import.meta.dir, "..", "dist", "images");
const [COLUMNS, ROWS] = [96, 60];
/** What the directory of the commands is called in the picture. */
const SHOWN = "/srv";

const DISK = "a small disk\n".repeat(20_000);
const FILE = `[settings]
name = "debian-7c1e"
parallelism = 1

[backend.store]
plugin = "local"
path = "./store"

[image.debian]
backend = "store"
source = { file = "debian.img", checksum = "sha256:${new Bun.CryptoHasher("sha256").update(DISK).digest("hex")}" }
description = "Debian 12"
tags = ["stable"]

[image.rescue]
backend = "store"
source = "rescue.img"
aliases = ["rescue/latest"]
`;

/** Everything that the commands write to one terminal, after the line that calls them. */
async function session(directory: string, screen: Screen, ...commands: readonly string[]): Promise<void> {
  for (const command of commands) {
    const text = new TextDecoder();
    const closed = Promise.withResolvers<void>();
    let said = "";
    const child = Bun.spawn([BINARY, ...command.split(" ")], {
      cwd: directory,
      env: {
        HOME: directory,
        TERM: "xterm-256color",
        IMAGES_CACHE: join(directory, "cache"),
        XDG_STATE_HOME: join(directory, "own"),
      },
      terminal: {
        // Lines with the directory in them break where they would with its short name.
        cols: COLUMNS + directory.length - SHOWN.length,
        rows: ROWS,
        data: (_, bytes) => {
          said += text.decode(bytes, { stream: true });
        },
        exit: () => closed.resolve(),
      },
    });
    await Promise.all([child.exited, closed.promise]);
    screen.write(`\u001b[36m$\u001b[39m \u001b[1mimages ${command}\u001b[22m\r\n`);
    screen.write(steady(said.replaceAll(directory, SHOWN)));
    screen.write("\r\n");
  }
}

/** Ids that the store makes up, and times, as one run had them. */
const steady = (text: string): string =>
  text.replace(/@[a-z0-9]{16}\b/g, "@mwp91ahqf9bfbff9").replace(/after \d+s/g, "after 2s");

const COLOURS: Readonly<Record<number, string>> = {
  31: "#ff7b72",
  32: "#7ee787",
  33: "#e3b341",
  34: "#79c0ff",
  35: "#d2a8ff",
  36: "#76e3ea",
  90: "#8b949e",
};
const CELL = { width: 8, height: 18 } as const;
const [LEFT, TOP] = [20, 48];

const escaped = (text: string): string => text.replace(/[&<>]/g, (char) => `&#${char.charCodeAt(0)};`);

function span(text: string, column: number, { colour, isBold, isDim }: Style): string {
  const width = text.length * CELL.width;
  const look = [
    colour === undefined ? "" : ` fill="${COLOURS[colour] ?? "#e6edf3"}"`,
    isBold ? ' font-weight="bold"' : "",
    isDim ? ' opacity="0.6"' : "",
  ];
  return `<tspan x="${LEFT + column * CELL.width}" textLength="${width}"${look.join("")}>${escaped(text)}</tspan>`;
}

/** The lines of a screen as a window. */
export function svg(screen: Screen, title: string): string {
  const rows = screen.rows;
  const [width, height] = [COLUMNS * CELL.width + 2 * LEFT, rows.length * CELL.height + TOP + 16];
  const lines = rows.map((runs, row) => {
    const spans = runs
      .filter(({ text }) => text.trim() !== "")
      .map(({ text, column, style }) => span(text, column, style));
    return spans.length === 0 ? "" : `<text y="${TOP + (row + 0.75) * CELL.height}">${spans.join("")}</text>\n`;
  });
  const lights = ["#ff5f56", "#ffbd2e", "#27c93f"].map(
    (fill, i) => `<circle cx="${24 + i * 20}" cy="22" r="6" fill="${fill}"/>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>${escaped(title)}</title>
<style>text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #e6edf3; white-space: pre }</style>
<rect width="${width}" height="${height}" rx="10" fill="#0d1117"/>
${lights.join("")}
${lines.join("")}</svg>
`;
}

/** The picture: an apply, and a plan that sees drift. @throws Error where the binary is not there */
export async function picture(): Promise<string> {
  if (!existsSync(BINARY)) throw new Error("dist/images is not there: bun run build");
  const directory = await mkdtemp(join(tmpdir(), "images-picture-"));
  try {
    await writeFile(join(directory, "debian.img"), DISK);
    await writeFile(join(directory, "rescue.img"), DISK.slice(0, 100_000));
    await writeFile(join(directory, "images.toml"), FILE);
    const screen = new Screen(COLUMNS);
    await session(directory, screen, "apply --yes");
    const images = join(directory, "store", "images");
    for (const name of await readdir(images)) {
      const record = await readFile(join(images, name), "utf8");
      await writeFile(join(images, name), record.replace("Debian 12", "Debian 11"));
    }
    await session(directory, screen, "plan");
    return svg(screen, "images apply, and a plan after somebody else changed an image");
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

if (import.meta.main) await writeFile(PICTURE, await picture());
