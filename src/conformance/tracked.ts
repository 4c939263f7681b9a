import type { Backend, ImageId } from "images";

/** The backend, with every id that it makes an image under kept in `made`. */
export function tracked(backend: Backend, made: Set<ImageId>): Backend {
  const create: Backend["create"] = async (want, source, context) => {
    const identified = async (id: ImageId) => {
      made.add(id);
      await context.identified(id);
    };
    const image = await backend.create(want, source, { ...context, identified });
    made.add(image.id);
    return image;
  };
  return new Proxy(backend, {
    get: (target, name) => {
      if (name === "create") return create;
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
