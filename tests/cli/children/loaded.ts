import { appendFileSync, readFileSync } from "node:fs";
import { plugin } from "bun";

// A preload: writes the path of every module of the program, and of the libraries that are only for some runs, when it is loaded.
plugin({
  name: "loaded",
  setup: (build) => {
    build.onLoad({ filter: /\/src\/.*\.ts$|\/node_modules\/@?(opentelemetry|openpgp|sigstore|yaml)\// }, ({ path }) => {
      appendFileSync(process.env["IMAGES_TEST_LOADED"] ?? "/dev/null", `${path}\n`);
      return { contents: readFileSync(path, "utf8"), loader: path.endsWith(".ts") ? "ts" : "js" };
    });
  },
});
