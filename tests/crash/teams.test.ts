import { describe, test } from "bun:test";
import { KINDS } from "../core/store/kinds.ts";
import { AWS } from "../core/store/servers.ts";

import { StoreGround } from "./store.ts";

/** For each kind of state; fewer while developing. The next run finds a dead holder by itself, which GitLab does not tell enough for. */
const REMOTE = KINDS.filter((kind) => kind.name !== "a file" && kind.name !== "HTTP as gitlab");
const KILLS = Math.ceil(Number(process.env["IMAGES_TEST_KILLS"] ?? 40) / 15);

for (const kind of REMOTE)
  describe.skipIf(!kind.is)(`with the state on ${kind.name}`, () => {
    test(`killed at random instants, ${KILLS} times, apply goes on from there`, async () => {
      await kind.start();
      await using _ = { [Symbol.asyncDispose]: kind.stop };
      const place = await kind.place();
      const login = place.startsWith("http://")
        ? '\nstate_username = "user"\nstate_password = "env:STATE_PASSWORD"'
        : "";
      await using ground = await StoreGround.make({
        lines: `state = "${place}"${login}`,
        env: { ...AWS, AWS_EC2_METADATA_DISABLED: "true", STATE_PASSWORD: "secret" },
      });
      await ground.killedAtRandom(KILLS, 600);
    }, 1_800_000);
  });
