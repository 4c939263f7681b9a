import { relative, resolve } from "node:path";

// A flame graph of a .cpuprofile as one static SVG: widths are milliseconds, every frame has a title. The graphs that npm has need a
// browser or a server to be seen (docs/dependencies.md).

/** What Bun and V8 write. */
export interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export interface Frame {
  readonly name: string;
  /** Milliseconds in it and in what it called. */
  total: number;
  /** Milliseconds in it alone. */
  self: number;
  readonly calls: Map<string, Frame>;
}

const ROOT = resolve(import.meta.dir, "../..");
const WIDTH = 1200;
const HEIGHT = 17;
/** Narrower frames are left out. */
const LEAST = 0.6;

/** The samples as a tree by names, whatever made the nodes. */
export function folded({ nodes, samples, timeDeltas }: Profile): Frame {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const root: Frame = { name: "all", total: 0, self: 0, calls: new Map() };
  for (const [i, sample] of samples.entries()) {
    const ms = (timeDeltas[i] ?? 0) / 1000;
    const names: string[] = [];
    for (let id: number | undefined = sample; id !== undefined; id = parents.get(id)) {
      const node = byId.get(id);
      if (node !== undefined && node.callFrame.functionName !== "(root)") names.push(named(node.callFrame));
    }
    let at = root;
    at.total += ms;
    for (const name of names.reverse()) {
      const next = at.calls.get(name) ?? { name, total: 0, self: 0, calls: new Map() };
      at.calls.set(name, next);
      next.total += ms;
      at = next;
    }
    at.self += ms;
  }
  return root;
}

function named({ functionName, url, lineNumber }: Profile["nodes"][number]["callFrame"]): string {
  const name = functionName === "" ? "(anonymous)" : functionName;
  const path = url.replace(/^file:\/\//, "");
  if (path === "" || path.startsWith("node:")) return path === "" ? name : `${name} ${path}`;
  const near = relative(ROOT, path);
  return `${name} ${near.startsWith("..") ? "(runtime)" : near}${lineNumber > 0 ? `:${lineNumber}` : ""}`;
}

/** Where the time is by itself, the most first. */
export function heaviest(root: Frame, count: number): readonly (readonly [name: string, ms: number])[] {
  const all = new Map<string, number>();
  const add = (frame: Frame): void => {
    if (frame.self > 0) all.set(frame.name, (all.get(frame.name) ?? 0) + frame.self);
    for (const one of frame.calls.values()) add(one);
  };
  add(root);
  return [...all].toSorted(([, a], [, b]) => b - a).slice(0, count);
}

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

/** A colour of fire for our own code, of stone for what is not ours; the same for the same name. */
function colour(name: string): string {
  const shade = Bun.hash.crc32(name) % 40;
  return name.includes(" src/")
    ? `hsl(${20 + (shade % 25)} 90% ${58 + (shade % 12)}%)`
    : `hsl(215 12% ${66 + (shade % 16)}%)`;
}

export function drawn(root: Frame, title: string): string {
  const boxes: string[] = [];
  let deepest = 0;
  const draw = (frame: Frame, x: number, depth: number): void => {
    const width = (frame.total / root.total) * WIDTH;
    if (width < LEAST) return;
    deepest = Math.max(deepest, depth);
    const y = 40 + depth * HEIGHT;
    const share = `${frame.total.toFixed(1)} ms, ${((frame.total / root.total) * 100).toFixed(1)} %`;
    const room = Math.floor((width - 6) / 6.2);
    const label = room < 3 ? "" : frame.name.length <= room ? frame.name : `${frame.name.slice(0, room - 1)}…`;
    boxes.push(
      `<g><title>${escaped(frame.name)}: ${share}</title><rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${HEIGHT - 1}" fill="${colour(frame.name)}" rx="1"/>${label === "" ? "" : `<text x="${(x + 3).toFixed(1)}" y="${y + 12}">${escaped(label)}</text>`}</g>`,
    );
    let at = x;
    for (const one of [...frame.calls.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      draw(one, at, depth + 1);
      at += (one.total / root.total) * WIDTH;
    }
  };
  draw(root, 0, 0);
  const height = 40 + (deepest + 1) * HEIGHT + 8;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="monospace" font-size="10.5">
<rect width="100%" height="100%" fill="#fff"/>
<text x="8" y="22" font-size="14">${escaped(title)} (${root.total.toFixed(0)} ms)</text>
${boxes.join("\n")}
</svg>
`;
}
