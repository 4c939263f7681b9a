import "./setup.ts";
import { run, TestDirectory } from "./harness.ts";

await using f = await TestDirectory.make({
  "a.img": "hello",
  "images.toml":
    '[settings]\nname = "x"\n[backend.s]\nplugin = "local"\npath = "./store"\n[image.a]\nsource = "./a.img"\n',
});
const t0 = process.cpuUsage();
await run(f, ["apply", "--yes"]);
const t1 = process.cpuUsage(t0);
console.log("first apply", (t1.user + t1.system) / 1000);
const t2 = process.cpuUsage();
for (let i = 0; i < 40; i++) await run(f, ["plan"]);
const t3 = process.cpuUsage(t2);
console.log("plan", (t3.user + t3.system) / 40000);
const t4 = process.cpuUsage();
for (let i = 0; i < 40; i++) {
  await f.write("a.img", `hello ${i}`);
  await run(f, ["apply", "--yes"]);
}
const t5 = process.cpuUsage(t4);
console.log("apply", (t5.user + t5.system) / 40000);
