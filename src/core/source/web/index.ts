/** Requests for sources: addresses, credentials, ranges, validators. */

export { codingOf, isCoded } from "./coding.ts";
export { credentialsOf, identityOf, NO_CREDENTIALS, type UrlCredentials } from "./credentials.ts";
export { ifRange, judge, rangeOf } from "./range.ts";
export { lengthOf, validatorsOf } from "./validators.ts";
export { Web } from "./web.ts";
export { fileNameOf, isUrl, partsOf, pathOf, placesOf, publicUrl, transformOf } from "./where.ts";
