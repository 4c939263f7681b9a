import { Failure } from "../failure.ts";
import { type Holder, STATE_VERSION, type State } from "../model/state.ts";
import { canonical } from "../model/value.ts";
import { parseState, showState } from "./document.ts";
import { encode } from "./journal.ts";
import { acquireLock, type LockOptions } from "./lock.ts";
import { replay } from "./replay.ts";
import type { Storage } from "./storage.ts";

interface Pushed {
  readonly storage: Storage;
  readonly me: Holder;
  readonly patience: LockOptions;
  readonly now: () => Date;
  /** Also an older one, or one of another lineage. */
  readonly force: boolean;
}

/**
 * Puts a state in the place of the one that is there, as one run that `images log` remembers. Answers what is there then.
 * @throws Failure state.push when it is older or of another lineage
 */
export async function push(
  text: string,
  where: string,
  { storage, me, patience: lockOptions, now, force }: Pushed,
): Promise<State> {
  const wanted = parseState(text, { where });
  await using lease = await acquireLock(storage, me, lockOptions);
  const snapshot = await storage.read(lockOptions.signal);
  const { state: current, changed, open } = replay(snapshot, storage, wanted.lineage);
  const isNew = snapshot.document === undefined && !changed;
  if (!isNew && !force) refuseStale(wanted, current, storage);
  const isSame = !isNew && canonical(wanted) === canonical(current);
  if (isSame && !changed) return current;
  const serial = isNew ? Math.max(1, wanted.serial) : Math.max(wanted.serial, current.serial + 1);
  const state = isSame ? current : { ...wanted, serial };
  await lease.write(showState(state), snapshot.document?.tag);
  for (const { run, bytes } of open) await lease.journal?.finish(run, bytes);
  const { id: run, operation, user, host } = me;
  const begin = { run, version: STATE_VERSION, lineage: state.lineage, serial: current.serial, operation, user, host };
  const at = now().toISOString();
  const said = encode(1, at, { begin }) + encode(2, at, { end: { serial: state.serial } });
  await lease.journal?.append(run, said, true);
  await lease.journal?.finish(run);
  return state;
}

function refuseStale(wanted: State, current: State, { where }: Storage): void {
  const hint = "see the current state: images state pull; --force replaces it anyway";
  if (wanted.lineage !== current.lineage)
    throw new Failure("state.push", `this is not the state in ${where}: the lineages differ`, { hint });
  if (wanted.serial < current.serial || (wanted.serial === current.serial && canonical(wanted) !== canonical(current)))
    throw new Failure(
      "state.push",
      `the state in ${where} has serial ${current.serial}, and this one has ${wanted.serial}: it is not newer`,
      { hint },
    );
}
