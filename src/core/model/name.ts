declare const brand: unique symbol;
/** A string that only one parser may make. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };
export type BackendName = Brand<string, "BackendName">;
export type ImageName = Brand<string, "ImageName">;
/** `BACKEND/IMAGE`: one declared image on one backend; the unit of plan, state and every message. */
export type Address = `${BackendName}/${ImageName}`;
/** What the backend calls the image. */
export type ImageId = Brand<string, "ImageId">;

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
/** The rule of a backend's or image's name, in words. */
export const NAME_RULE = "1 to 63 letters, digits, dots, dashes and underscores, beginning with a letter or digit";

export const isName = (text: string): boolean => NAME.test(text);

/** @throws RangeError when `text` breaks NAME_RULE; ask isName first where a user wrote it. */
// biome-ignore lint/plugin: the brand is given here, to a checked name.
export const backendName = (text: string): BackendName => named(text) as BackendName;
/** @throws RangeError when `text` breaks NAME_RULE; ask isName first where a user wrote it. */
// biome-ignore lint/plugin: the brand is given here, to a checked name.
export const imageName = (text: string): ImageName => named(text) as ImageName;
// biome-ignore lint/plugin: the brand is given here.
export const imageId = (text: string): ImageId => text as ImageId;
export const address = (backend: BackendName, image: ImageName): Address => `${backend}/${image}`;

/** `BACKEND/IMAGE` as a user wrote it; undefined when it is not of that form. */
export function parseAddress(text: string): Address | undefined {
  const [backend, image, ...more] = text.split("/");
  if (backend === undefined || image === undefined || more.length > 0) return undefined;
  return isName(backend) && isName(image) ? address(backendName(backend), imageName(image)) : undefined;
}

/** The addresses of rows that are kept by them. */
export const addressesOf = (rows: Readonly<Record<Address, unknown>>): Address[] =>
  Object.keys(rows).filter((text): text is Address => Object.hasOwn(rows, text));

export const backendOf = (at: Address): BackendName => backendName(at.slice(0, at.indexOf("/")));
export const imageOf = (at: Address): ImageName => imageName(at.slice(at.indexOf("/") + 1));
/** The image's own name as its id, for backends where a name is the id. */
export const idFrom = (at: Address): ImageId => imageId(imageOf(at));

function named(text: string): string {
  if (!NAME.test(text)) throw new RangeError(`invalid name: ${JSON.stringify(text)}`);
  return text;
}
