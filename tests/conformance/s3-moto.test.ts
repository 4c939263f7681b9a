import { moto } from "../core/store/servers.ts";
import { bucketsOf } from "./buckets.ts";

const known = "asked of versitygw: it is one object with other words in it, and moto takes a minute";

await bucketsOf("moto_server", moto, {
  page: 10,
  // moto takes any signature.
  checksSignatures: false,
  skip: {
    "attribute lives": known,
    "lived-in world": known,
    "copied marker": known,
    "added by others": known,
    "another lineage": known,
    "another file": known,
    "all attributes": known,
    "what is already so": known,
    "changed bytes": known,
    "create twice": known,
    names: known,
    "side by side": known,
    "lost state": known,
    import: known,
    drift: known,
    unmarked: known,
    secrets: known,
  },
});
