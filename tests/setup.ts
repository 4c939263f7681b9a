import { host } from "../src/cli/host.ts";

// Plugin files of tests import the module "images", as they do under the program.
host();
