import { parseHolder } from "../../disk/lock.ts";
import { Failure } from "../../failure.ts";
import type { Holder } from "../../model/state.ts";
import { isTable } from "../../model/value.ts";

/** Terraform's lock info. `Info` carries the holder whole, for servers that give back what they were given. */
export const infoOf = (me: Holder) => ({
  ID: me.id,
  Operation: me.operation,
  Info: JSON.stringify(me),
  Who: `${me.user}@${me.host}`,
  Version: "images",
  Created: me.since,
  Path: "",
});

/** GitLab answers the id and the user of the holder, and everything else from the request. */
export function holderOf(text: string, where: string): Holder {
  let info: unknown;
  try {
    info = JSON.parse(text);
  } catch {
    info = undefined;
  }
  const said = (name: string): string => {
    const value = isTable(info) ? info[name] : undefined;
    return typeof value === "string" ? value : "";
  };
  const id = said("ID");
  if (id === "") throw new Failure("state.lock", `${where} is locked, and the server does not report the holder`);
  const whole = parseHolder(said("Info"));
  if (whole?.id === id) return whole;
  const [user = "", host = ""] = said("Who").split("@");
  return { id, operation: said("Operation"), user, host, pid: 0, since: said("Created") };
}
