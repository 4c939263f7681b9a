import { expect, test } from "bun:test";
import { transformText } from "../../../src/cli/render/step.ts";

test("what is done with the bytes on the way is shown in words, and what is no such table as it is", () => {
  expect(transformText(undefined)).toEqual([]);
  expect(transformText('{"decompress":true}')).toEqual(["decompress"]);
  expect(transformText('{"decompress":false,"member":"disk\\u001b.raw"}')).toEqual([
    "decompress false",
    "member disk\\e.raw",
  ]);
  expect(transformText("data")).toEqual(["data"]);
});
