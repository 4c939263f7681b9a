import { expect, test } from "bun:test";
import type { Attributes, Backend, Desired, Plugin } from "images";
import { boolean, definePlugin, integer, listOf, optional, required, setOf, string, table, withDefault } from "images";

const config = { url: required(string(), "Where."), token: optional(string(), "Who.", { sensitive: true }) };
const image = {
  label: required(string(), "A name."),
  size: withDefault(integer({ min: 1 }), 5, "A size.", { onChange: "replace" }),
  tags: optional(setOf(string()), "Tags."),
  mapping: optional(
    listOf(table({ device: required(string(), "Device."), keep: withDefault(boolean(), true, "Keep.") })),
    "Disks.",
  ),
};

const sample = definePlugin({
  api: 1,
  name: "sample",
  doc: "A sample.",
  config,
  image,
  names: (want) => [want.label],
  check: (want) => (want.size > 3 && want.tags?.includes("x") ? [{ code: "config.value", message: "too much" }] : []),
  async open(): Promise<Backend<typeof image>> {
    throw new Error("not opened here");
  },
});

test("a plugin's own schema gives it its types, and it still is a plugin like any other", () => {
  const wanted: Desired<typeof image> = { label: "a", size: 3, mapping: [{ device: "/dev/sda", keep: false }] };
  // @ts-expect-error: label is required
  const wrong: Desired<typeof image> = { size: 3 };
  const list: readonly Plugin[] = [sample];
  const attributes: Attributes = wanted;
  expect([list.length, attributes["label"], wrong.size]).toEqual([1, "a", 3]);
  expect(sample.check?.(wanted, {})).toEqual([]);
});
