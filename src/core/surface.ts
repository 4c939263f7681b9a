/** The module `images`: all that a plugin may import. */

export type {
  Added,
  Additions,
  Downloads,
  Judges,
  Links,
  Locates,
  Part,
  Refreshed,
  Refreshes,
  Renames,
  Retires,
  Uses,
} from "./abilities.ts";
export {
  type AttributeLife,
  CLAUSES,
  type Clause,
  type ConformanceSpec,
  defineConformance,
  type TestPlace,
} from "./conformance.ts";
export { Glances } from "./disk/glances.ts";
export { type Identity, identity, isDead, life, probe } from "./disk/process.ts";
export { diskFailure, errno } from "./disk/reason.ts";
export { syncDirectory } from "./disk/write.ts";
export { type Emulator, emulate } from "./emulator.ts";
export type { Facts, KnownBytes } from "./facts.ts";
export { type Code, Failure, type Problem } from "./failure.ts";
export { tarOf } from "./format/tar-write.ts";
export { type Markup, markup, page } from "./html.ts";
export { type OnRemove, type ReplaceOrder, versionName } from "./model/declaration.ts";
export {
  ALGORITHMS,
  type Algorithm,
  type Digest,
  type Digests,
  digest,
  hexOf,
  nameOf,
  parseDigest,
} from "./model/digest.ts";
export {
  type Compression,
  type Format,
  type Mark,
  type Observed,
  type Phase,
  passing,
  type Resolved,
  type Source,
  type Wanted,
} from "./model/image.ts";
export { fieldsOfMark, MARK_FIELDS, type MarkField, markOfFields } from "./model/mark.ts";
export {
  type Address,
  address,
  type BackendName,
  backendName,
  backendOf,
  type ImageId,
  type ImageName,
  idFrom,
  imageId,
  imageName,
  imageOf,
  parseAddress,
} from "./model/name.ts";
export type { Answered, Attribute, Desired, Schema, Type, Written } from "./model/schema.ts";
export {
  boolean,
  computed,
  duration,
  either,
  integer,
  listOf,
  mapOf,
  matching,
  oneOf,
  optional,
  required,
  seconds,
  setOf,
  string,
  table,
  withDefault,
} from "./model/types.ts";
export { type Attributes, canonical, isSame, isSameSet, isTable, type Value } from "./model/value.ts";
export { type Clock, systemClock } from "./net/clock.ts";
export type { Answer, Call, Explained, HttpClient, HttpOptions, Outgoing } from "./net/door.ts";
export { DelayedAbort } from "./net/grace.ts";
export { type Polling, poll } from "./net/retry.ts";
export {
  escaped,
  type Keys,
  presigned,
  type SignatureFamily,
  type Signer,
  sha256,
  signatureOf,
  signedHeaders,
  stampOf,
} from "./net/sign.ts";
export type { Origin } from "./origin.ts";
export {
  type Backend,
  type Complaint,
  type Context,
  definePlugin,
  type Host,
  type Looked,
  type Plugin,
  type Pull,
  type Reading,
} from "./plugin.ts";
export type { Starter, StarterSetting } from "./starter.ts";
export { type S3Access, s3Access, saidByS3 } from "./store/s3/access.ts";
export { elementOf, elementsOf } from "./store/s3/xml.ts";
