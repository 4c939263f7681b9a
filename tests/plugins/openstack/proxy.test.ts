import { expect, setDefaultTimeout, test } from "bun:test";
import { declared, staged } from "./stage.ts";

// What a proxy in front of Glance says. It is no service of the cloud: a page, and no number of a request.

setDefaultTimeout(300_000);

const page = (status: number, text: string) =>
  new Response(`<html><head><title>${status} ${text}</title></head><body><hr>nginx</body></html>`, {
    status,
    headers: { "content-type": "text/html", server: "nginx/1.22.1" },
  });

test("the body limit of a proxy is told as one, and nothing is left", async () => {
  await using stage = await staged(declared("big"));
  const { glance, cloud } = stage;
  const answer = cloud.glance;
  cloud.glance = (heard) => (heard.method === "PUT" ? page(413, "Request Entity Too Large") : answer(heard));
  const said = await stage.images("apply", "--yes");
  expect([said.code, said.stderr]).toEqual([
    1,
    expect.stringContaining("a proxy in front of the service (nginx) refuses"),
  ]);
  expect(said.stderr).toContain("client_max_body_size");
  expect(glance.images.size).toBe(0);
  expect((await stage.images("state", "list")).stdout.trim()).toBe("");
});

test("a proxy that did not wait for the answer: the bytes are sent once, where Glance has them", async () => {
  await using stage = await staged(declared("big"));
  const { glance, cloud } = stage;
  const answer = cloud.glance;
  let looks = 0;
  cloud.glance = (heard) => {
    const [image] = glance.images.values();
    if (heard.method === "PUT") {
      answer(heard);
      Object.assign(image ?? {}, { status: "saving" });
      return page(504, "Gateway Time-out");
    }
    if (image?.["status"] === "saving" && ++looks > 1) Object.assign(image, { status: "active" });
    return answer(heard);
  };
  const said = await stage.images("apply", "--yes");
  expect([said.code, said.stderr]).toEqual([0, expect.stringContaining("waiting for Glance to finish the upload")]);
  expect(cloud.asked.filter((call) => call.startsWith("PUT")).length).toBe(1);
  expect([...glance.images.values()]).toMatchObject([{ status: "active" }]);
});
