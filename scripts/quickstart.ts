import { $ } from "bun";

// The main job, with the binary that was just built: applies images.toml to a directory, and plans again to find nothing to do.

const binary = process.platform === "win32" ? "dist/images.exe" : "dist/images";
const title = (text: string) => console.log(`\n$ ${text}`);

title("images apply --yes");
await $`./${binary} apply --yes`;
title("images plan --detailed-exitcode");
await $`./${binary} plan --detailed-exitcode`;
console.log(`
The store is in ./store; any web server can serve it. Try next:
  ./${binary} info store             the images in it
  ./${binary} show                   the state
  edit images.toml, then ./${binary} plan
  ./${binary} plugins                the supported backends
  ./${binary} --help                 everything else`);
