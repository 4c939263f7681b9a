import { isRecord } from "../kit/answers.ts";
import type { Reason } from "./refusal.ts";
import type { ImageRegion } from "./wire.ts";

/** The parts of bodies that tests look at. */
export interface Body {
  readonly id: string;
  readonly status: string;
  readonly message: string;
  readonly upload_to: string;
  readonly image: Body;
  readonly regions: readonly ImageRegion[];
  readonly errors: readonly Reason[];
  readonly data: readonly Body[];
  readonly page: number;
  readonly pages: number;
  readonly results: number;
}

export interface Asked {
  readonly status: number;
  readonly headers: Headers;
  /** Empty when the answer is no JSON. */
  readonly body: Partial<Body>;
  readonly text: string;
}

/** A plain HTTP client of one emulator. */
export function asker(url: string, token: string | undefined = "a-token") {
  return async (
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Asked> => {
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const sent = typeof body === "string" ? body : JSON.stringify(body);
    const init = { method, headers: { ...authorization, ...headers }, ...(body !== undefined && { body: sent }) };
    const response = await fetch(`${url}${path}`, init);
    const text = await response.text();
    const isJson = response.headers.get("content-type") === "application/json";
    const parsed: unknown = isJson ? JSON.parse(text) : {};
    return { status: response.status, headers: response.headers, text, body: isBody(parsed) ? parsed : {} };
  };
}

/** Begins an upload; answers the URL for its bytes, and the id of its image. */
export async function beginUpload(url: string): Promise<{ readonly uploadTo: string; readonly id: string }> {
  const { body } = await asker(url)("POST", "/v4/images/upload", { label: "x", region: "us-ord" });
  return { uploadTo: body.upload_to ?? "", id: body.image?.id ?? "" };
}

/** Sends bytes to an upload URL as the provider's clients do. */
export async function put(
  url: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return await fetch(url, { method: "PUT", body, headers: { "content-type": "application/octet-stream", ...headers } });
}

function isBody(value: unknown): value is Partial<Body> {
  return isRecord(value);
}
