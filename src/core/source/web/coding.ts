import { Failure } from "../../failure.ts";
import { unpacked } from "../../net/answer.ts";
import type { Answer } from "../../net/client.ts";
import { namesOf } from "./names.ts";
import { SMALL_FILE_LIMIT } from "./small.ts";
import { pathOf } from "./where.ts";

/** The codings of HTTP that change bytes, and the names of files that are published in them. */
const CODINGS: Readonly<Record<string, RegExp>> = {
  gzip: /\.(?:gz|tgz|gzip)$/i,
  "x-gzip": /\.(?:gz|tgz|gzip)$/i,
  compress: /\.Z$/,
  "x-compress": /\.Z$/,
  zstd: /\.(?:zst|tzst|zstd)$/i,
  br: /\.br$/i,
  deflate: /\.(?:zz|zlib)$/i,
};

/**
 * The coding in which a server sends a file, though it was asked for the bytes as they are kept; undefined if there is none, or if it is what
 * the name of the file says: servers send `x.img.gz` with `Content-Encoding: gzip`, and mean its bytes.
 */
export function codingOf(asked: string, { headers, url }: Pick<Answer, "headers" | "url">): string | undefined {
  const names = [pathOf(asked), ...namesOf(headers, url)];
  const codings = (headers.get("content-encoding") ?? "").split(",").map((one) => one.trim().toLowerCase());
  return codings.find((one) => CODINGS[one] !== undefined && !names.some((name) => CODINGS[one]?.test(name)));
}

/** The bytes that came are not those of the file, and nothing is declared that says which of the two are meant. */
export const isCoded = (where: string, coding: string): Failure =>
  new Failure("source.encoding", `${where} is sent with Content-Encoding: ${coding}, not as the file itself`, {
    hint: "let the server send the file as it is (it was asked with Accept-Encoding: identity), or declare the `checksum` of the bytes that it sends",
  });

/** All of a small file, as it was before the server compressed it. @throws Failure source.encoding */
export function unpackSmall(body: Buffer, headers: Headers, where: string): Uint8Array {
  try {
    return unpacked(body, headers, SMALL_FILE_LIMIT);
  } catch (cause) {
    const coding = headers.get("content-encoding") ?? "";
    throw new Failure(
      "source.encoding",
      `${where} is sent with Content-Encoding: ${coding}, and cannot be decompressed`,
      {
        hint: "open the URL with curl --compressed: the error is on the server",
        cause,
      },
    );
  }
}
