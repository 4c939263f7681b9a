import wasm from "node-liblzma/wasm/liblzma.wasm" with { type: "file" };

/** The bytes of liblzma.wasm, which the bundler embeds. */
export const lzmaBinary = (): Promise<ArrayBuffer> => Bun.file(wasm).arrayBuffer();
