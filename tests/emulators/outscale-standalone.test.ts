import { expect, setDefaultTimeout, test } from "bun:test";
import { S3Client } from "bun";
import { asker } from "./outscale/ask.ts";

// Two processes are started, one by the other.
setDefaultTimeout(300_000);

const script = new URL("main.ts", import.meta.url).pathname;

async function begun(env: Record<string, string>) {
  const { OSC_ACCESS_KEY: _, OSC_SECRET_KEY: __, ...rest } = process.env;
  const child = Bun.spawn([process.execPath, script, "outscale", "--json", "--bucket", "mine"], {
    env: { ...rest, ...env },
    stdout: "pipe",
  });
  let text = "";
  for await (const chunk of child.stdout) {
    text += new TextDecoder().decode(chunk);
    if (text.includes("\n")) break;
  }
  const told: Record<string, string> = JSON.parse(text);
  return {
    told,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      expect(await child.exited).toBe(0);
    },
  };
}

test("it starts by itself with the keys of the environment; what is begun settles by itself", async () => {
  const key = { accessKey: "EXAMPLEEXAMPLEEXAMPL", secretKey: "EXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMP" };
  await using running = await begun({ OSC_ACCESS_KEY: key.accessKey, OSC_SECRET_KEY: key.secretKey });
  const { told } = running;
  expect(told).toMatchObject({ name: "outscale", access_key: key.accessKey, bucket: "mine" });
  expect(told["secret_key"]).toBeUndefined();
  const ask = asker(told["url"] ?? "", key);
  expect((await ask("ReadVms", { Filters: { VmIds: [told["vm"]] } })).body.Vms).toMatchObject([{ State: "running" }]);
  expect((await ask("ReadVolumes", { Filters: { VolumeIds: [told["volume"]] } })).body.Volumes).toHaveLength(1);
  expect((await ask("ReadSnapshots", { Filters: { SnapshotIds: [told["snapshot"]] } })).body.Snapshots).toHaveLength(1);
  const { Image } = (await ask("CreateImage", { ImageName: "by itself", VmId: told["vm"] })).body;
  expect(Image).toMatchObject({ State: "pending", StateComment: {}, PermissionsToLaunch: {} });
  const read = async () => (await ask("ReadImages", { Filters: { ImageIds: [Image?.ImageId] } })).body.Images?.[0];
  while ((await read())?.State === "pending") await Bun.sleep(50);
  expect((await read())?.State).toBe("available");
  const endpoint = told["bucket_endpoint"] ?? "";
  const keys = { endpoint, accessKeyId: key.accessKey, secretAccessKey: key.secretKey, region: "eu-west-2" };
  const bucket = new S3Client({ ...keys, bucket: "mine" });
  await bucket.write("key", "value");
  expect(await bucket.file("key").text()).toBe("value");
});

test("without keys it makes and tells new ones, of the lengths that clients insist on", async () => {
  await using running = await begun({});
  const { url = "", access_key: accessKey = "", secret_key: secretKey = "" } = running.told;
  expect([accessKey.length, secretKey.length]).toEqual([20, 40]);
  expect((await asker(url, { accessKey, secretKey })("ReadImages")).status).toBe(200);
});
