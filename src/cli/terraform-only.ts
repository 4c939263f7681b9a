/** What terraform has and this program does not, with what to type instead. */

/** Commands. */
export const TERRAFORM_COMMANDS: Readonly<Record<string, string>> = {
  console: "use: images show --json, or images validate",
  get: "there are no modules; [include] and plugins are read as they are",
  login: "credentials are references (env:, file:, cmd:) in images.toml",
  logout: "credentials are references (env:, file:, cmd:) in images.toml",
  metadata: "use: images schema, or images plugins NAME",
  "metadata functions": "there are no functions; use: images schema",
  modules: "there are no modules; use: images plugins",
  output: "use: images show --json, or images info BACKEND --json",
  "providers lock": "built-in plugins are part of the program; for a plugin file use: images plugins trust FILE",
  "providers mirror": "nothing is downloaded: built-in plugins are part of the program; use: images plugins",
  "providers schema": "use: images schema, or images plugins NAME",
  taint: "use: images apply --replace ADDRESS",
  test: "use: images plan --detailed-exitcode",
  untaint: "nothing is tainted here; use: images plan",
  workspace: "use one state per environment: --state FILE and --var-file FILE",
  "state replace-provider": "change `plugin` in the backend's table of images.toml",
  "state identities": "use: images state list",
};

const PLACE = "the state is where [settings] state or --state says; no initialization is needed";
const MOVE = "use: images state migrate TO";
const BUILT_IN = "built-in plugins are part of the program; a plugin file is pinned by: images plugins trust FILE";
const NO_MODULES = "there are no modules";
const NO_TESTS = "there are no test files; use: images plan --detailed-exitcode";

/** Options of a command, or of any (""). */
export const TERRAFORM_OPTIONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "": {
    "--backup": "the previous state is always kept; use: images state list-versions, images state restore VERSION",
    "--state-out": "use: images state pull > FILE for a copy, or --state FILE for another state",
    "--test-directory": NO_TESTS,
  },
  plan: { "--generate-config-out": "use: images import --from-terraform STATE, which writes the blocks" },
  apply: { "--generate-config-out": "use: images import --from-terraform STATE, which writes the blocks" },
  fmt: {
    "--diff": "use: images fmt --check, or images fmt and then git diff",
    "--recursive": "name the files: images fmt FILE...",
  },
  graph: {
    "--draw-cycles": "a cycle is an error; use: images validate",
    "--module-depth": NO_MODULES,
    "--plan": "use: images show FILE",
    "--type": "use: images graph --format mermaid, or --format dot",
  },
  import: { "--config": "use: --file FILE" },
  init: {
    "--backend": PLACE,
    "--backend-config": PLACE,
    "--cloud=false": PLACE,
    "--force-copy": MOVE,
    "--from-module": NO_MODULES,
    "--get": NO_MODULES,
    "--json": "images init only writes images.toml; use: images validate --json",
    "--lockfile": BUILT_IN,
    "--migrate-state": MOVE,
    "--plugin-dir": BUILT_IN,
    "--reconfigure": PLACE,
    "--upgrade": BUILT_IN,
  },
};

/** Options that are accepted and change nothing, because what they turn off is not there. */
export const WITHOUT_EFFECT: Readonly<Record<string, readonly string[]>> = {
  "": ["--ignore-remote-version"],
  validate: ["--no-tests"],
};

/** Options that are accepted and change nothing, with their value: init takes no lock. */
export const VALUE_WITHOUT_EFFECT: Readonly<Record<string, readonly string[]>> = { init: ["--lock-timeout"] };
