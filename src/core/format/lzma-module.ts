import wasm from "node-liblzma/wasm/liblzma.wasm" with { type: "file" };

let compiled: Promise<WebAssembly.Module> | undefined;
const compile = async (): Promise<WebAssembly.Module> => new WebAssembly.Module(await Bun.file(wasm).arrayBuffer());

/**
 * liblzma, which the bundler embeds, compiled once for the process. Threads get it in a message: what the engine has translated and made faster
 * for one of them is there for all, where each would do it again, in its own memory, at its greatest.
 */
export const lzmaModule = (): Promise<WebAssembly.Module> => {
  compiled ??= compile();
  return compiled;
};
