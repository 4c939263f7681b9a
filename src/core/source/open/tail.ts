import type { Detected } from "../../format/identify.ts";
import type { SourceSpec, UrlSource } from "../../model/source.ts";
import type { Answer } from "../../net/client.ts";
import { credentialsOf, placesOf, type Web } from "../web/index.ts";

/** The last sector, by which alone a vhd image of fixed size is known. */
const TAIL = 512;

/** Whether the end of what was found decides what it is: raw bytes of the web that are called a vhd. */
export const isDecidedByTail = (spec: SourceSpec, { format, layers }: Detected): spec is UrlSource =>
  spec.kind === "url" &&
  format === "raw" &&
  layers.length === 0 &&
  placesOf(spec).some((url) => /\.(?:vhd|vpc)(?:$|[?#])/i.test(url));

const isTail = ({ status, headers }: Answer): boolean => status === 206 && headers.get("content-encoding") === null;

/** The last bytes of a file of the web; undefined where no server gives them by themselves. */
export async function tailOf(spec: UrlSource, web: Web, signal: AbortSignal): Promise<Uint8Array | undefined> {
  for (const url of spec.urls) {
    try {
      const headers = { range: `bytes=-${TAIL}` };
      const answer = await web.get(url, credentialsOf(spec), { signal, headers, accept: [416] });
      const pieces: Uint8Array[] = [];
      for await (const piece of answer.stream()) {
        if (!isTail(answer)) break;
        pieces.push(piece);
      }
      if (isTail(answer)) return Buffer.concat(pieces).subarray(-TAIL);
    } catch {
      signal.throwIfAborted();
    }
  }
  return undefined;
}
