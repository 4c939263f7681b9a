/** The module `images`: all that a plugin may import. */

export type {
  Additions,
  ChecksLive,
  Downloads,
  Links,
  Locates,
  Part,
  Refreshed,
  Refreshes,
  Renames,
  ReportsAdditions,
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
export { homeOf } from "./disk/account.ts";
export { sha256OfFile } from "./disk/pieces.ts";
export { type Identity, identity, isDead, life, probe } from "./disk/process.ts";
export { diskFailure, errno } from "./disk/reason.ts";
export { SmallReads } from "./disk/small-reads.ts";
export { syncDirectory } from "./disk/write.ts";
export { type Emulator, emulate } from "./emulator.ts";
export type { Facts, KnownBytes } from "./facts.ts";
export { type Code, Failure, type Problem } from "./failure.ts";
export { type HeldPart, inParts } from "./format/parts.ts";
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
  type ByteRequirements,
  type Compression,
  type Format,
  type Marker,
  type Observed,
  type Phase,
  passThrough,
  type Resolved,
  type Source,
} from "./model/image.ts";
export { MARKER_FIELDS, type MarkerField, markerFields, markerFromFields } from "./model/marker.ts";
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
export type { Attribute, Desired, Reported, Schema, Type, Written } from "./model/schema.ts";
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
export type { Answer, Call, ErrorDetails, HttpClient, HttpOptions, OutgoingRequest } from "./net/client.ts";
export { type Clock, systemClock } from "./net/clock.ts";
export { DelayedAbort } from "./net/delayed-abort.ts";
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
  timestampOf,
} from "./net/sign.ts";
export type { Origin } from "./origin.ts";
export {
  type Backend,
  type Complaint,
  type Context,
  definePlugin,
  type Host,
  type Lookup,
  type Plugin,
  type Pull,
  type ReadContext,
} from "./plugin.ts";
export type { Starter, StarterSetting } from "./starter.ts";
export { type S3Access, s3Access, s3ErrorOf } from "./store/s3/access.ts";
export { partSize } from "./store/s3/parts.ts";
export { elementOf, elementsOf } from "./store/s3/xml.ts";
