import { expect } from "bun:test";
import type { Asked } from "./ask.ts";

/** Ids of the right form of things that are nowhere. */
export const unknown = {
  image: "ami-00000000",
  snapshot: "snap-00000000",
  vm: "i-00000000",
  volume: "vol-00000000",
} as const;

/** Expects an error answer, with its one error and a request id. */
export function refused(
  { status, headers, body }: Asked,
  expected: number,
  code: string,
  type: string,
  details = /./,
): void {
  const [first] = body.Errors ?? [];
  expect([status, first?.Code, first?.Type]).toEqual([expected, code, type]);
  expect(first?.Details).toMatch(details);
  expect(headers.get("content-type")).toBe("application/json");
  expect(body.ResponseContext?.RequestId).toMatch(/^[0-9a-f-]{36}$/);
}
