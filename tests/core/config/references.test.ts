import { expect, test } from "bun:test";
import { faults } from "../../../src/core/model/check.ts";
import { integer, optional, required, string, table } from "../../../src/core/model/types.ts";

test("a reference to an image is an optional attribute of its own, and no secret: the author of a plugin is told", () => {
  const reference = true;
  expect(faults({ origin: optional(string(), "An image.", { reference }) })).toEqual([]);
  expect(faults({ origin: required(string(), "An image.", { reference }) })).toHaveLength(1);
  expect(faults({ origin: optional(string(), "An image.", { reference, sensitive: true }) })).toHaveLength(1);
  const inner = table({ origin: optional(string(), "An image.", { reference }) });
  expect(faults({ volume: optional(inner, "A volume.") })).toHaveLength(1);
});

test("its JSON Schema takes the value, or the address", () => {
  const { json } = table({
    origin: optional(string(), "An image.", { reference: true }),
    size: optional(integer(), "A size."),
  });
  expect(json["properties"]).toMatchObject({
    origin: { anyOf: [{ type: "string" }, { type: "object", required: ["image"] }] },
    size: integer().json,
  });
});
