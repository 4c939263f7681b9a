import { $ } from "bun";

// The main job, with the binary that was just built: apply images.toml to a directory, and see that nothing is left to do.

const binary = process.platform === "win32" ? "dist/images.exe" : "dist/images";
const title = (text: string) => console.log(`\n$ ${text}`);

title("images apply --yes");
await $`./${binary} apply --yes`;
title("images plan --detailed-exitcode");
await $`./${binary} plan --detailed-exitcode`;
console.log(`
The store is in ./store; any web server can serve it. Try next:
  ./${binary} info store             what is in it
  ./${binary} show                   what is remembered
  edit images.toml, then ./${binary} plan
  ./${binary} plugins                the clouds and hosts that images can be kept on
  ./${binary} --help                 everything else`);
