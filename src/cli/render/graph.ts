import type { Resource } from "../../core/model/declaration.ts";
import { printable } from "./text.ts";

export const GRAPHS = ["mermaid", "dot"] as const;
type GraphFormat = (typeof GRAPHS)[number];

interface Node {
  readonly id: string;
  readonly label: string;
  readonly kind: "source" | "image" | "backend";
}

/** What is made from what, and where: sources, images, and the backends that have them. */
export function renderGraph(resources: readonly Resource[], format: GraphFormat): string {
  const nodes = new Map<string, Node>();
  const edges = new Set<string>();
  const node = (kind: Node["kind"], key: string, label = key): string => {
    const known = nodes.get(`${kind} ${key}`);
    const made = known ?? { id: `${kind[0]}${nodes.size + 1}`, label: printable(label), kind };
    nodes.set(`${kind} ${key}`, made);
    return made.id;
  };
  for (const resource of resources.filter(({ state }) => state === "present")) {
    const image = node("image", resource.address);
    const from = sourceOf(resource);
    if (from !== undefined) edges.add(`${node(...from)} ${image}`);
    for (const other of Object.values(resource.references ?? {})) edges.add(`${node("image", other)} ${image}`);
    edges.add(`${image} ${node("backend", resource.backend)}`);
  }
  const all = [...nodes.values()];
  const arrows = [...edges].map((edge) => edge.split(" "));
  return format === "mermaid" ? mermaid(all, arrows) : dot(all, arrows);
}

/** The place alone: no user, no query. */
function sourceOf({ source, want, address }: Resource): readonly [Node["kind"], string] | undefined {
  switch (source?.kind) {
    case "file":
      return ["source", source.path];
    case "url":
      return ["source", (source.urls[0] ?? "").replace(/[?#].*$/s, "").replace(/:\/\/[^/]*@/, "://")];
    case "image":
      return ["image", source.address];
    case "promoted":
      return ["source", `${source.address} of another state`];
    case undefined: {
      const origin = Object.entries(want).find(([name]) => /^source/.test(name));
      return origin === undefined ? undefined : ["source", `${origin[0]} of ${address}`];
    }
    default:
      return source satisfies never;
  }
}

function mermaid(nodes: readonly Node[], arrows: readonly (readonly string[])[]): string {
  const text = (label: string) => label.replaceAll(/[&<>"#]/g, (one) => `#${one.charCodeAt(0)};`);
  const shape = ({ id, label, kind }: Node) => {
    const [open, close] = { source: ["([", "])"], image: ["[", "]"], backend: ["[(", ")]"] }[kind];
    return `  ${id}${open}"${text(label)}"${close}`;
  };
  return `graph LR\n${[...nodes.map(shape), ...arrows.map(([from, to]) => `  ${from} --> ${to}`)].join("\n")}\n`;
}

function dot(nodes: readonly Node[], arrows: readonly (readonly string[])[]): string {
  const quoted = (label: string) => `"${label.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
  const shapes = { source: "oval", image: "box", backend: "cylinder" } as const;
  const lines = nodes.map(({ id, label, kind }) => `  ${id} [label=${quoted(label)}, shape=${shapes[kind]}];`);
  return `digraph images {\n  rankdir=LR;\n${[...lines, ...arrows.map(([from, to]) => `  ${from} -> ${to};`)].join("\n")}\n}\n`;
}
