import type { CommandClass } from "clipanion";
import { ApplyCommand, DestroyCommand } from "./commands/apply.ts";
import { ImportCommand } from "./commands/import.ts";
import { InfoCommand } from "./commands/info.ts";
import { InitCommand } from "./commands/init.ts";
import { LogCommand } from "./commands/log.ts";
import { PlanCommand } from "./commands/plan.ts";
import { PluginsCommand, PluginsTrustCommand } from "./commands/plugins.ts";
import { ShowCommand } from "./commands/show.ts";
import {
  StateListCommand,
  StateMoveCommand,
  StatePullCommand,
  StateRemoveCommand,
  StateShowCommand,
} from "./commands/state.ts";
import { UnlockCommand } from "./commands/unlock.ts";
import { ValidateCommand } from "./commands/validate.ts";
import { VersionCommand } from "./commands/version.ts";

import type { Shell } from "./shell.ts";

/** Every command of the program. The types of clipanion's own optional statics do not know exactOptionalPropertyTypes. */
export const commands = [
  InitCommand,
  ValidateCommand,
  PlanCommand,
  ApplyCommand,
  DestroyCommand,
  ShowCommand,
  InfoCommand,
  ImportCommand,
  LogCommand,
  StateListCommand,
  StateShowCommand,
  StateMoveCommand,
  StateRemoveCommand,
  StatePullCommand,
  UnlockCommand,
  PluginsCommand,
  PluginsTrustCommand,
  VersionCommand,
] as readonly CommandClass<Shell>[];
