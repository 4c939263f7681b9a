import { type Desired, type ImageId, imageId, type Lookup } from "images";
import type { OsImage } from "./schema.ts";

// An image of another region than that of the backend has the region before its id.

/** Where an image is. */
interface Where {
  readonly region: string | undefined;
  readonly isHome: boolean;
}

export const idAt = (id: string, { region, isHome }: Where) =>
  imageId(isHome || region === undefined ? id : `${region}/${id}`);

export function parseId(text: string): { readonly region?: string; readonly id: string } {
  const cut = text.lastIndexOf("/");
  return cut < 0 ? { id: text } : { region: text.slice(0, cut), id: text.slice(cut + 1) };
}

export const regionOf = (id: ImageId | undefined, want: Lookup["want"]): string | undefined => {
  const region = (id === undefined ? undefined : parseId(id).region) ?? want?.["region"];
  return typeof region === "string" ? region : undefined;
};

/** The id that the file gives to an image, with the region before it where the file names one. */
export const chosenId = ({ image_id: id, region }: Desired<OsImage>): ImageId | undefined =>
  id === undefined ? undefined : imageId(region === undefined ? id : `${region}/${id}`);
