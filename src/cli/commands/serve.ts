import { readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Command, Option } from "clipanion";
import { Failure } from "../../core/failure.ts";
import { EXIT, FileCommand, optionCount } from "../base.ts";
import { fromPlanFile } from "../render/planfile.ts";
import { report } from "../render/report.ts";
import { listen, type Serve, servePage, serveStore } from "../serving.ts";
import type { Session } from "../session.ts";

export class ServeCommand extends FileCommand {
  static override readonly paths = [["serve"]];
  static override readonly usage = Command.Usage({
    category: "Looking",
    description: "Show the page of a store or of a saved plan on 127.0.0.1",
    details:
      "Prints the URL and serves until Ctrl-C, to this machine only. STORE is the directory of a local store, or a backend of images.toml; without it the only local store of images.toml. Of a store, its pages and indexes are served, and the files that they name. A FILE of `images plan --out` is shown as the page of `--report html`.",
    examples: [
      ["The store of images.toml", "$0 serve"],
      ["A directory, on a port of your choice", "$0 serve ./store --port 8080"],
      ["A saved plan", "$0 serve plan.json"],
    ],
  });

  readonly port = Option.String("--port", { description: "Port to listen on (default: a free one)" });
  readonly what = Option.String({ required: false, name: "STORE|FILE" });

  override async run(): Promise<number> {
    const port = optionCount("--port", this.port, 0) ?? 0;
    if (port > 65_535) throw new Failure("cli.usage", `invalid --port ${port}: expected at most 65535`);
    await using server = listen(await this.#found(), port);
    this.out.data.write(`${server.url}\n`);
    this.note("Press Ctrl-C to stop.");
    this.context.stopsWith?.("stopped");
    const { signal } = this.context;
    if (!signal.aborted)
      await new Promise<void>((done) => signal.addEventListener("abort", () => done(), { once: true }));
    return EXIT.done;
  }

  async #found(): Promise<Serve> {
    const { what } = this;
    if (what === undefined) return await this.#store(await this.#declared());
    const path = resolve(this.context.cwd, what);
    const found = await stat(path).catch(() => undefined);
    if (found?.isDirectory() === true) return await this.#store(path);
    if (found?.isFile() === true) {
      const plan = fromPlanFile(await readFile(path, "utf8"));
      return servePage(report("html", plan, undefined, { redact: (text) => this.redact(text) }));
    }
    return await this.#store(await this.#declared(what));
  }

  async #store(root: string): Promise<Serve> {
    const has = async (name: string) => (await stat(join(root, name)).catch(() => undefined))?.isFile() === true;
    if (!(await has("images-store.json")))
      throw new Failure("cli.usage", `${root} is not a store`, { hint: "name the `path` of a local backend" });
    if (!(await has("index.html")))
      throw new Failure("backend.missing", `the store ${root} has no index.html yet`, {
        hint: "the next apply that changes the store writes it",
      });
    return serveStore(root);
  }

  /** The directory of a local store of images.toml: that of the name, or the only one. */
  async #declared(name?: string): Promise<string> {
    await using session = await this.session({ operation: "serve", write: false, plugins: "none" });
    const stores = directories(session);
    const [path, ...more] = name === undefined ? stores.values() : [stores.get(name)];
    if (path !== undefined && more.length === 0) return path;
    const hint = stores.size === 0 ? "name a directory or a plan file" : `stores: ${[...stores.keys()].join(", ")}`;
    if (name !== undefined)
      throw new Failure("cli.usage", `${JSON.stringify(name)} is no directory, no plan file and no local store`, {
        hint,
      });
    const problem = more.length > 0 ? "several local stores" : "no local store";
    throw new Failure("cli.usage", `images.toml has ${problem}: say what to serve`, { hint });
  }
}

function directories({ config }: Session): ReadonlyMap<string, string> {
  return new Map(
    config.backends.flatMap(({ name, plugin, settings }): [string, string][] => {
      const path = plugin === "local" ? settings["path"] : undefined;
      return typeof path === "string" && !/^[a-z0-9]+:\/\//.test(path) ? [[name, resolve(config.directory, path)]] : [];
    }),
  );
}
