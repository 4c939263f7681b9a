import { expect, test } from "bun:test";
import { authorization, NO_CREDENTIALS } from "../../../src/core/source/web/credentials.ts";
import { findLogin } from "../../../src/core/source/web/netrc.ts";
import { never } from "./kit.ts";

const TEXT = `# mirrors
machine a.example login me password se#cret
machine b.example
  login "quoted name"
  password "with \\"quotes\\" and spaces"
  account x
macdef init
  machine c.example login no password no

machine d.example login only
machine c.example password p login l # the end
default login anonymous password guest
`;

const cases = [
  ["a.example", { login: "me", password: "se#cret" }],
  ["A.EXAMPLE", { login: "me", password: "se#cret" }],
  ["b.example", { login: "quoted name", password: 'with "quotes" and spaces' }],
  ["c.example", { login: "l", password: "p" }],
  ["other", { login: "anonymous", password: "guest" }],
] as const;
for (const [machine, login] of cases)
  test(`finds ${machine}`, () => expect(findLogin(TEXT, machine)).toEqual({ ...login }));

test("a machine without a password is passed over", () => {
  expect(findLogin("machine d login x", "d")).toBeUndefined();
  expect(findLogin("", "d")).toBeUndefined();
  expect(findLogin("machine", "d")).toBeUndefined();
});

test("a user in a URL is taken as it stands where its percent signs mean nothing", async () => {
  const means = { env: {}, signal: never, secret: async (text: string) => text, http: () => expect.unreachable() };
  const { authorization: sent } = await authorization(NO_CREDENTIALS, "https://%zz:50%25@host/a.img", means);
  expect(sent).toBe(`Basic ${btoa("%zz:50%")}`);
});
