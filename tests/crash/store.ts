import { readdir, readFile } from "node:fs/promises";
import { listed, TestDirectory } from "../harness.ts";
import { Ground, same, sameIds } from "./ground.ts";

/** The declarations that a killed run goes between: images come, change, are replaced and go. */
const SCENES: readonly (readonly [file: string, bytes: string])[] = [
  [
    '[image.a]\nsource = "./a.img"\n[image.b]\nsource = "./b.img"\ntags = ["x"]\n[image.c]\nsource = "./a.img"\n',
    "one",
  ],
  ['[image.a]\nsource = "./a.img"\naliases = ["first"]\n[image.b]\nsource = "./b.img"\n', "two"],
  [
    '[image.a]\nsource = "./a.img"\nreplace = "delete-first"\n[image.d]\nsource = "./b.img"\naliases = ["first"]\n',
    "three",
  ],
];

/** Where the state is: what `[settings]` says of it, and the variables that its credentials are in. */
export interface Elsewhere {
  readonly lines: string;
  readonly env: Readonly<Record<string, string>>;
}

/** A store in a directory. */
export class StoreGround extends Ground {
  readonly #settings: string;
  #scene = 0;

  private constructor(directory: TestDirectory, elsewhere: Elsewhere | undefined) {
    super(directory, elsewhere?.env ?? {});
    this.#settings = `[settings]\nname = "images"\n${elsewhere?.lines ?? ""}\n`;
  }

  /** Without `elsewhere` the state is a file. */
  static async make(elsewhere?: Elsewhere): Promise<StoreGround> {
    return new StoreGround(await TestDirectory.make(), elsewhere);
  }

  override async turn(): Promise<void> {
    const [images, bytes] = SCENES[this.#scene++ % SCENES.length] ?? ["", ""];
    const salt = `${bytes} ${this.#scene}\n`;
    await this.directory.write("a.img", salt.repeat(400));
    await this.directory.write("b.img", `b ${salt}`.repeat(400));
    const store = '[backend.store]\nplugin = "local"\npath = "./store"\ngrace = "0s"\n';
    await this.directory.write("images.toml", `${this.#settings}${store}${images}`);
  }

  override async recovers(): Promise<void> {
    const rows = await this.recovered();
    const records = await this.#records();
    sameIds(records, rows);
    const used = new Set(records.map(({ disk }) => disk.sha256));
    same("blobs", (await listed(this.directory.at("store", "blobs"))).sort(), [...used].sort());
    same("half written files", await listed(this.directory.at("store", "tmp")), []);
    const sums = (await readFile(this.directory.at("store", "SHA256SUMS"), "utf8"))
      .trim()
      .split("\n")
      .map((line) => line.split("  ")[0]);
    same("sums", sums.sort(), records.map(({ disk }) => disk.sha256).sort());
    const left = (await readdir(this.directory.path)).filter((name) => name.endsWith(".lock") || name.includes(".tmp"));
    same("locks and temporary files beside the state", left, []);
  }

  async #records(): Promise<{ id: string; disk: { sha256: string } }[]> {
    const names = await listed(this.directory.at("store", "images"));
    return await Promise.all(
      names.map(async (name) => JSON.parse(await readFile(this.directory.at("store", "images", name), "utf8"))),
    );
  }
}
