import { Command, Option } from "clipanion";
import { canDownload, type Part } from "../../core/abilities.ts";
import { asFailure, Failure, isInterrupted } from "../../core/failure.ts";
import { hashed } from "../../core/format/hash.ts";
import { ALGORITHMS, type Digests, nameOf } from "../../core/model/digest.ts";
import type { Observed } from "../../core/model/image.ts";
import { type Address, backendOf, parseAddress } from "../../core/model/name.ts";
import { EXIT, FileCommand } from "../base.ts";
import { printable, table } from "../render/text.ts";
import type { Session } from "../session.ts";

/** What came of one image, as `images verify --json` prints it. */
interface Row {
  readonly address: Address;
  readonly id?: string;
  /** `unknown`: the backend does not give its bytes back, or no digest of them is known. */
  readonly result: "ok" | "mismatch" | "missing" | "unreadable" | "unknown";
  readonly why?: string;
  readonly digests?: Digests;
}

export class VerifyCommand extends FileCommand {
  static override readonly paths = [["verify"]];
  static override readonly usage = Command.Usage({
    category: "Looking",
    description: "Download images from backends and verify their digests",
    details:
      "Without an ADDRESS, verifies all images in the state. Exits with 1 if the bytes of an image differ from the recorded digests or cannot be read. `images apply --replace ADDRESS` repairs one.",
    examples: [
      ["All images", "$0 verify"],
      ["One image, for a script", "$0 verify store/debian --json"],
    ],
  });

  readonly json = Option.Boolean("--json", false, { description: "Print a JSON array" });
  readonly addresses = Option.Rest({ name: "ADDRESS" });

  override async run(): Promise<number> {
    const request = this.addresses.map((text) => {
      const address = parseAddress(text);
      if (address !== undefined) return address;
      throw new Failure("cli.usage", `invalid address ${JSON.stringify(text)}: expected BACKEND/IMAGE`);
    });
    await using session = await this.session({ operation: "verify", write: false, plugins: "first use" });
    const known = new Set<string>(Object.keys((await session.store()).state.images));
    const unknown = request.find((address) => !known.has(address));
    if (unknown !== undefined)
      throw new Failure("state.missing", `${unknown} is not in the state`, {
        hint: "list them with: images state list",
      });
    const all = [...known].flatMap((text) => parseAddress(text) ?? []).sort();
    const rows: Row[] = [];
    for (const address of request.length === 0 ? all : [...new Set(request)])
      rows.push(await this.#verify(session, address));
    this.out.data.write(this.json ? `${JSON.stringify(rows, undefined, 2)}\n` : textOf(rows));
    return rows.every(({ result }) => result === "ok" || result === "unknown") ? EXIT.done : EXIT.failed;
  }

  /** A failure is reported for its own image, and the others are still read. */
  async #verify(session: Session, address: Address): Promise<Row> {
    try {
      return await this.#compare(session, address);
    } catch (thrown) {
      const failure = asFailure(thrown);
      if (this.context.signal.aborted || isInterrupted(failure)) throw thrown;
      return { address, result: "unreadable", why: failure.message };
    }
  }

  async #compare(session: Session, address: Address): Promise<Row> {
    const backend = await session.backend(backendOf(address));
    const row = (await session.store()).recorded(address);
    if (row?.id === undefined) return { address, result: "missing", why: "it has not been created" };
    const { id } = row;
    const reading = { signal: this.context.signal, note: (text: string) => this.note(text) };
    const image = await backend.read({ address, id }, reading);
    if (image === undefined) return { address, id, result: "missing", why: "the image is gone" };
    if (!canDownload(backend)) return { address, id, result: "unknown", why: "the backend does not support downloads" };
    const recorded = "digests" in row ? row.digests : undefined;
    return { address, id, ...(await this.#read(await backend.download(id, reading), image, recorded)) };
  }

  /** The disk is the last part, and what the digests are of; of all others the size is known. */
  async #read(
    parts: readonly Part[],
    image: Observed,
    recorded: Digests | undefined,
  ): Promise<Pick<Row, "result" | "why" | "digests">> {
    const wanted = { ...image.digests, ...recorded };
    const reported = new Set([
      "sha256",
      ...parts.flatMap(({ digest }) => (digest === undefined ? [] : [nameOf(digest)])),
    ]);
    const algorithms = ALGORITHMS.filter((name) => reported.has(name) || wanted[name] !== undefined);
    let digests: Digests = {};
    for (const part of parts) {
      const stream = hashed(part.open(this.context.signal), algorithms, { signal: this.context.signal });
      for await (const _ of stream.bytes);
      digests = stream.digests();
      if (part.size !== undefined && part.size !== stream.length())
        return {
          result: "mismatch",
          why: `${part.name}: expected ${part.size} bytes, got ${stream.length()}`,
          digests,
        };
      const own = part.digest;
      const found = own && digests[nameOf(own)];
      if (own !== found) return { result: "mismatch", why: `${part.name}: expected ${own}, got ${found}`, digests };
    }
    const wrong = algorithms.find((name) => wanted[name] !== undefined && wanted[name] !== digests[name]);
    if (wrong !== undefined)
      return { result: "mismatch", why: `expected ${wanted[wrong]}, got ${digests[wrong]}`, digests };
    if (!algorithms.some((name) => wanted[name] !== undefined))
      return { result: "unknown", why: "no digest is recorded", digests };
    return { result: "ok", digests };
  }
}

const WORDS = { ok: "OK", mismatch: "MISMATCH", missing: "MISSING", unreadable: "UNREADABLE", unknown: "not verified" };

function textOf(rows: readonly Row[]): string {
  if (rows.length === 0) return "The state has no images.\n";
  return `${table(rows.map(({ address, result, why = "" }) => [address, WORDS[result], printable(why)])).join("\n")}\n`;
}
