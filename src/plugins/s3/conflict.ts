import { Failure } from "images";

/** An object of another user's is where the store would write. */
export const conflict = (where: string): Failure =>
  new Failure("backend.conflict", `${where} was not written by this store`, {
    hint: "move the object away or choose another `name`, then apply again",
  });
