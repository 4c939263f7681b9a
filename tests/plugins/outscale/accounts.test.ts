import { expect, setDefaultTimeout, test } from "bun:test";
import { ofVm, Scene } from "./kit.ts";

setDefaultTimeout(300_000);

const DENIED = { status: 403, code: "4120", type: "AccessDenied", details: "" };

test("without the right to ask for the account nothing counts as own, unless the settings say its number", async () => {
  await using play = await Scene.open();
  await play.declare(ofVm(play));
  play.control.next({ kind: "refused", refusal: DENIED }, "ReadAccounts", { times: 9 });
  const said = await play.refused("apply", "--yes");
  expect(said).toContain("account_id = ");
  expect(play.asked(true)).toEqual([]);
  play.control.clearFaults();
  play.control.next({ kind: "refused", refusal: DENIED }, "ReadAccounts", { times: 9 });
  await play.declare(ofVm(play), `account_id = "${play.emulator.accounts[0].id}"`);
  await play.apply();
  await play.settled();
  expect(play.asked().filter((one) => one.startsWith("ReadAccounts"))).toEqual([]);
  expect(play.own().length).toBe(1);
});

test("the own account among the permissions is no change", async () => {
  await using play = await Scene.open();
  const own = play.emulator.accounts[0].id;
  await play.declare(ofVm(play, `permissions = { account_ids = ["${own}", "210987654321"] }`));
  await play.apply();
  await play.settled();
  const [image] = play.own();
  expect(image?.PermissionsToLaunch.AccountIds).toEqual([own, "210987654321"]);
  // Some answers do not name the owner.
  play.control.changeImage(image?.ImageId ?? "", {
    PermissionsToLaunch: { AccountIds: ["210987654321"], GlobalPermission: false },
  });
  await play.settled();
  await play.declare(ofVm(play, 'permissions = { account_ids = ["210987654321"] }'));
  await play.settled();
});
