import { expect, setDefaultTimeout, test } from "bun:test";
import { startOutscale } from "../emulators/outscale/start.ts";
import { answer, call, clients } from "./kit.ts";

setDefaultTimeout(170_000);

const KEY = {
  accessKey: "AKIAFOREIGNEXAMPLE00",
  secretKey: "sentinelForeign9b2e7K7MDENGbPxRfiCYEXAMP",
} as const;
const open = () => startOutscale({ ...KEY, pace: { polls: 1 } });
const keys = { OSC_ACCESS_KEY: KEY.accessKey, OSC_SECRET_KEY: KEY.secretKey, OSC_REGION: "eu-west-2" };

test.skipIf(clients.go === undefined)(
  "osc-sdk-go: the calls of terraform's outscale_image and outscale_image_launch_permission",
  async () => {
    await using emulator = await open();
    const env = { ...keys, OSC_ENDPOINT_API: `${emulator.url}/api/v1` };
    expect(await answer([`${clients.go}/outscale`, emulator.control.seeded.vm], env)).toEqual({
      tags: [{ Key: "os", Value: "debian" }],
      accounts: expect.arrayContaining(["987654321098"]),
      comment: true,
      type: "bsu",
      taken: 409,
      missing: "7007",
      gone: true,
    });
  },
);

test.skipIf(clients.python === undefined)("osc-sdk-python: an image of a VM and its copy", async () => {
  await using emulator = await open();
  const program = `
import json
from osc_sdk_python import Gateway
with Gateway() as api:
    image = api.CreateImage(VmId="${emulator.control.seeded.vm}", ImageName="of-python", NoReboot=True)["Image"]
    found = api.ReadImages(Filters={"ImageIds": [image["ImageId"]]})["Images"]
    api.CreateTags(ResourceIds=[image["ImageId"]], Tags=[{"Key": "os", "Value": "debian"}])
    api.UpdateImage(ImageId=image["ImageId"], Description="words")
    after = api.ReadImages(Filters={"ImageIds": [image["ImageId"]]})["Images"][0]
    api.DeleteImage(ImageId=image["ImageId"])
    gone = api.ReadImages(Filters={"ImageIds": [image["ImageId"]]})["Images"]
print(json.dumps([image["State"], len(found), after["Description"], after["Tags"], gone]))
`;
  const env = { ...keys, OSC_ENDPOINT_API: `${emulator.url}/api/v1` };
  expect(await answer([`${clients.python}/bin/python`, "-c", program], env)).toEqual([
    "pending",
    1,
    "words",
    [{ Key: "os", Value: "debian" }],
    [],
  ]);
});

test.skipIf(clients.python === undefined)(
  "osc-cli: an image of a snapshot, and what it is told of a name that is taken",
  async () => {
    await using emulator = await open();
    const profile = {
      default: {
        access_key: KEY.accessKey,
        secret_key: KEY.secretKey,
        region: "eu-west-2",
        host: "outscale.com",
        https: false,
        method: "POST",
      },
    };
    const { snapshot } = emulator.control.seeded;
    const mapping = `[{"DeviceName": "/dev/sda1", "Bsu": {"SnapshotId": "${snapshot}", "VolumeSize": 10}}]`;
    const words = [
      "CreateImage",
      "--ImageName",
      "of-cli",
      "--RootDeviceName",
      "/dev/sda1",
      "--BlockDeviceMappings",
      mapping,
    ];
    const shell = `mkdir -p "$HOME/.osc" && printf %s "$PROFILE" > "$HOME/.osc/config.json" && exec "$@"`;
    const cli = (...more: readonly string[]) => [
      ...["/bin/sh", "-c", shell, "sh", `${clients.python}/bin/osc-cli`, "api", ...more],
      ...["--endpoint", emulator.url],
    ];
    const env = { PROFILE: JSON.stringify(profile) };
    expect(await answer(cli(...words), env)).toMatchObject({ Image: { ImageName: "of-cli", State: "available" } });
    const taken = await call(cli(...words), env);
    expect(`${taken.stdout}${taken.stderr}`).toContain("9029");
    const listed = await answer(cli("ReadImages", "--Filters", '{"ImageNames": ["of-cli"]}'), env);
    expect(listed).toMatchObject({ Images: [{ ImageName: "of-cli" }] });
  },
);
