import { Command, Option } from "clipanion";
import { Failure } from "../../core/failure.ts";
import { EXIT, FileCommand } from "../base.ts";
import { GRAPHS, renderGraph } from "../render/graph.ts";

export class GraphCommand extends FileCommand {
  static override readonly paths = [["graph"]];
  static override readonly usage = Command.Usage({
    category: "Looking",
    description: "Show sources, images and backends as a graph",
    details: "Reads images.toml only: no network, no state. GitHub and GitLab render Mermaid; Graphviz renders dot.",
    examples: [
      ["For a Markdown page", "$0 graph"],
      ["As a picture", "$0 graph --format dot | dot -Tsvg"],
    ],
  });

  readonly format = Option.String("--format", "mermaid", { description: "Output format: mermaid or dot" });

  override async run(): Promise<number> {
    const format = GRAPHS.find((one) => one === this.format);
    if (format === undefined)
      throw new Failure("cli.usage", `invalid --format ${this.format}: expected ${GRAPHS.join(" or ")}`);
    await using session = await this.session({ operation: "graph", write: false, plugins: "none" });
    this.out.data.write(renderGraph(session.config.resources, format));
    return EXIT.done;
  }
}
