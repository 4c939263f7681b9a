import type { Clause } from "../core/conformance.ts";

/** What a clause expects of a plugin, what to do where it fails, and the section of docs/plugins.md that says more. */
interface Remedy {
  readonly expects: string;
  readonly fix: string;
  readonly section: string;
}

const DECLARES = "What a plugin declares";
const DOES = "What a backend does";
const QUESTIONS = "Questions";
const SUITE = "The conformance suite";

const REMEDIES: Readonly<Record<Clause, Remedy>> = {
  schema: {
    expects: "a valid schema, of which `lives`, `small` or `elsewhere` of the conformance file has every attribute",
    fix: "correct the attributes that are listed, or add them to `lives`",
    section: SUITE,
  },
  absence: {
    expects: "`read` returns undefined for an image that does not exist, with an id and without",
    fix: "turn the 404 of the API into undefined, and do not return the first image of a listing",
    section: DOES,
  },
  "delete of nothing": {
    expects: "`delete` of an image that does not exist succeeds",
    fix: "accept the 404 of the API in `delete`",
    section: DOES,
  },
  create: {
    expects:
      "`create` calls `context.identified(id)` before the first byte is sent, reports progress that only grows, says in `what` what it waits for, and returns what `read` returns, with the marker",
    fix: "follow the five steps of `create`; end it with the image as `read` returns it",
    section: DOES,
  },
  law: {
    expects: "after `apply`, `plan` is empty",
    fix: "return each attribute from `read` and `list` as it was declared; give `unset`, `ownName` or `compare` to one that the backend fills in itself",
    section: DECLARES,
  },
  "all attributes": {
    expects: "an image with all attributes of `lives` at once is created, and `plan` is empty",
    fix: "write every attribute in `create`, and report it in `read` and `list`",
    section: DECLARES,
  },
  "attribute lives": {
    expects:
      'each attribute can be set, changed and cleared, and `plan` is empty after each; a cleared one has its `unset` again; only `onChange: "replace"` makes a new image',
    fix: "write `want` and reset `cleared` in `update`; declare `onChange`, `unset` or `compare`; in `lives`, `replaces`, `clears` and `stays` say what is expected",
    section: DOES,
  },
  "lost state": {
    expects: "without a state, the image is found by its marker and adopted",
    fix: "write the marker in `create` with `context.marker`, return it in `marker`, and compare owner, file and self in `read` without an id",
    section: QUESTIONS,
  },
  "another lineage": {
    expects: "an image that another state made is not touched; `--adopt` takes it and does nothing else",
    fix: "keep `lineage` and `content` of the marker as they were written, and return all parts of it",
    section: QUESTIONS,
  },
  "another file": {
    expects: "`read` without an id finds no image whose marker has another file name or another address",
    fix: "compare `marker.file` with `host.file` and `marker.owner` with the address",
    section: QUESTIONS,
  },
  "copied marker": {
    expects: "an image that bears the marker of another image is not managed",
    fix: "return a marker with its `self` as it is written; in `read` without an id, compare `marker.self` with the image's own id or `Observed.self`",
    section: QUESTIONS,
  },
  "added by others": {
    expects: "what others added to an image survives its replacement, or the plan lists it as lost",
    fix: "implement the ability `additions`: attributes that can be carried over, and a line in `lost` for the rest",
    section: DOES,
  },
  "lived-in world": {
    expects: "images of others are unchanged after every kind of run",
    fix: "change and delete by id only; never search by name or by a part of the marker in `create`, `update` and `delete`",
    section: DOES,
  },
  "in use": {
    expects: "an image in use is neither replaced nor deleted, and the run says what uses it",
    fix: "implement the ability `usedBy(id, context)`: the name of what uses the image, or undefined",
    section: DOES,
  },
  "what is already so": {
    expects: "writing the reported values into the file, and removing them again, changes nothing",
    fix: "report values as the file writes them: the same type, spelling and unit",
    section: DECLARES,
  },
  listing: {
    expects: "`list` returns every image once, at the cost of the pages of the listing",
    fix: "follow the pages to the last one; return attributes from the listing and make no request for each image",
    section: DOES,
  },
  edit: {
    expects: "attributes that can be changed in place are changed without a new image",
    fix: 'write them in `update`; remove `onChange: "replace"` where the backend can change them',
    section: DOES,
  },
  abort: {
    expects:
      "an aborted `create` rejects with the reason of the signal, stops reading the source, and leaves nothing that `identified` did not report",
    fix: "pass `context.signal` to every request and to `source.open`, and let its reason through",
    section: DOES,
  },
  deleted: {
    expects: "an image that `delete` removed is not found any more, and can be deleted once more",
    fix: 'wait in `delete` until the backend has removed the image; read states like "deleting" as absent',
    section: DOES,
  },
  credential: {
    expects:
      "a wrong credential is a Failure backend.auth or backend.denied with a hint, after at most three requests, without the secret in it",
    fix: "do not retry a 401 or 403 in the plugin, and do not wrap the Failure of `host.http`",
    section: DOES,
  },
  secrets: {
    expects: "no secret is printed, or written to the state, a plan or the journal",
    fix: "declare the setting or attribute `sensitive`, and keep it out of errors, ids and attributes",
    section: QUESTIONS,
  },
  foreign: {
    expects:
      "an unmanaged image with the declared name is listed as such, not found without an id, and unchanged after `apply` and `destroy`; text of users where the marker is kept is no marker and breaks no listing",
    fix: "find images by the marker, not by the name; return no `marker` for an image without one, and catch what the parser of the text throws",
    section: QUESTIONS,
  },
  "create twice": {
    expects: "an image can be created again after it was deleted, and nothing of the first one is left",
    fix: "remove in `delete` all that the image has: names, uploads, snapshots",
    section: DOES,
  },
  "side by side": {
    expects: "three images are created at the same time",
    fix: "keep what belongs to one creation out of variables that all of them share; if the API returns a free id before it is taken, repeat with the next one on a conflict; let `several` give them other names",
    section: DOES,
  },
  "server errors": {
    expects: "one answer 503 does not fail a run, and makes no second image",
    fix: "send all requests through `host.http`, which repeats those that are safe, and do not repeat any yourself",
    section: QUESTIONS,
  },
  "broken bytes": {
    expects: "bytes with a wrong checksum fail with source.digest, and no usable image is left",
    fix: "let the failure of the source through; make the image usable only after the last byte; `delete` without `context.owns` removes all that `create` made",
    section: DOES,
  },
  names: {
    expects: "long and dotted names of images and files fit into the marker",
    fix: "write the marker to a field without a limit, or one field for each part; do not split it at dots",
    section: QUESTIONS,
  },
  dispose: {
    expects: "no connection is open after the backend was disposed of",
    fix: "send requests through `host.http`; dispose of what the plugin opened by other means",
    section: QUESTIONS,
  },
  "bytes back": {
    expects: "`download` returns the bytes that were sent",
    fix: "return the stored bytes unchanged; without a download in the API, do not implement the ability",
    section: DOES,
  },
  drift: {
    expects: "an attribute that was changed on the backend is reported as drift and changed back",
    fix: 'return the current value from `list`; remove `compare: "recorded"` where the backend reports it',
    section: DECLARES,
  },
  "changed bytes": {
    expects: "other bytes in the source make a new image",
    fix: "keep `content` of the marker as `context.marker` gives it",
    section: QUESTIONS,
  },
  replace: {
    expects: "`--replace` creates the new image, then deletes the old one",
    fix: "create with a new id; with unique names declare `names`, and `order` or `movesNames`",
    section: DECLARES,
  },
  import: {
    expects: "`images import ADDRESS ID` adopts an image, and `plan` is empty",
    fix: "return an image for its id from `read`, managed or not",
    section: QUESTIONS,
  },
  unmarked: {
    expects: "with `marker = false` no marker is written, and the image is found by its id",
    fix: "write nothing where `context.marker` returns undefined",
    section: QUESTIONS,
  },
  mark: {
    expects: "`update` writes a marker that has changed, keeps the id, and changes nothing else",
    fix: "compare `context.marker` with `have.marker` in `update`, and write it also if it is the only change",
    section: DOES,
  },
};

/** What to do where a clause failed, in three lines. `isCommand`: a command failed, which may have another cause. */
export function remedyOf(clause: Clause, isCommand = false): string {
  const { expects, fix, section } = REMEDIES[clause];
  const first = isCommand ? "see the error of the command first; if it says nothing else, " : "";
  return `expected: ${expects}\nto fix it: ${first}${fix}\nsee docs/plugins.md, "${section}"`;
}
