/** The file that the bundler embeds for `with { type: "file" }`: its path. */
declare module "node-liblzma/wasm/liblzma.wasm" {
  const path: string;
  export default path;
}
