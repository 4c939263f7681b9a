import type { CommandClass } from "clipanion";
import { ApplyCommand, DestroyCommand } from "./commands/apply.ts";
import { CacheGcCommand, CacheListCommand, CacheVerifyCommand } from "./commands/cache.ts";
import { CompletionCommand } from "./commands/completion.ts";
import { ExportCommand } from "./commands/export.ts";
import { FmtCommand } from "./commands/fmt.ts";
import { GraphCommand } from "./commands/graph.ts";
import { ImportCommand } from "./commands/import.ts";
import { ImportImageManagerCommand } from "./commands/import-image-manager.ts";
import { ImportTerraformCommand } from "./commands/import-terraform.ts";
import { InfoCommand } from "./commands/info.ts";
import { InitCommand } from "./commands/init.ts";
import { LogCommand } from "./commands/log.ts";
import { OutdatedCommand } from "./commands/outdated.ts";
import { PlanCommand } from "./commands/plan.ts";
import { PluginsCommand, PluginsTrustCommand } from "./commands/plugins.ts";
import { PluginsNewCommand } from "./commands/plugins-new.ts";
import { PluginsTestCommand } from "./commands/plugins-test.ts";
import { RefreshCommand } from "./commands/refresh.ts";
import { SchemaCommand } from "./commands/schema.ts";
import { ServeCommand } from "./commands/serve.ts";
import { ShowCommand } from "./commands/show.ts";
import {
  StateListCommand,
  StateMoveCommand,
  StatePullCommand,
  StateRemoveCommand,
  StateShowCommand,
} from "./commands/state.ts";
import {
  StateMigrateCommand,
  StatePushCommand,
  StateRestoreCommand,
  StateVersionsCommand,
} from "./commands/state-versions.ts";
import { UnlockCommand } from "./commands/unlock.ts";
import { UpgradeCommand } from "./commands/upgrade.ts";
import { ValidateCommand } from "./commands/validate.ts";
import { VerifyCommand } from "./commands/verify.ts";
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
  ServeCommand,
  GraphCommand,
  InfoCommand,
  ImportCommand,
  RefreshCommand,
  ImportImageManagerCommand,
  ImportTerraformCommand,
  ExportCommand,
  VerifyCommand,
  OutdatedCommand,
  LogCommand,
  StateListCommand,
  StateShowCommand,
  StateMoveCommand,
  StateRemoveCommand,
  StatePullCommand,
  StatePushCommand,
  StateVersionsCommand,
  StateRestoreCommand,
  StateMigrateCommand,
  UnlockCommand,
  CacheListCommand,
  CacheGcCommand,
  CacheVerifyCommand,
  SchemaCommand,
  FmtCommand,
  CompletionCommand,
  PluginsCommand,
  PluginsTrustCommand,
  PluginsNewCommand,
  PluginsTestCommand,
  UpgradeCommand,
  VersionCommand,
] as readonly CommandClass<Shell>[];
