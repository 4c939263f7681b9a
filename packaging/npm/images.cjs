#!/usr/bin/env node
// Starts the binary of this platform, which an optional dependency brings. Its exit code and signals are passed on.
"use strict";
const { spawn } = require("node:child_process");
const { join, dirname } = require("node:path");

function target() {
  const { platform, arch } = process;
  const system = platform === "win32" ? "windows" : platform;
  const report = platform === "linux" ? process.report.getReport() : undefined;
  const isMusl = report !== undefined && report.header.glibcVersionRuntime === undefined;
  return `${system}-${arch}${isMusl ? "-musl" : ""}`;
}

function binary() {
  const name = `@SCOPE@/images-${target()}`;
  try {
    const manifest = require.resolve(`${name}/package.json`);
    return join(dirname(manifest), process.platform === "win32" ? "images.exe" : "images");
  } catch {
    console.error(`error: the package ${name} is not installed\n\nhint: install with optional dependencies, or use install.sh of a release`);
    process.exit(1);
  }
}

// Before there is a binary that would go on without its launcher.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
const child = spawn(binary(), process.argv.slice(2), { stdio: "inherit" });
child.on("error", (error) => {
  console.error(`error: ${error.message}`);
  process.exit(1);
});
child.on("exit", (code, signal) => {
  if (signal === null) process.exit(code ?? 1);
  for (const one of ["SIGINT", "SIGTERM", "SIGHUP"]) process.removeAllListeners(one);
  process.kill(process.pid, signal);
});
