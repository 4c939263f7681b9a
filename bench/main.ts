import { main } from "./race/main.ts";

// bun run bench NAME…: figures are for the machine that they are taken on; ratios are against another program on the same machine, in the
// same run.

const ALL: Readonly<Record<string, string>> = {
  local: "the local store beside what the system does with the same bytes",
  store: "what a change of the state costs, with 1 and with 10,000 rows",
  net: "bodies through the HTTP client, beside fetch and curl",
  formats: "conversions and compression beside qemu-img, gzip and pigz",
  transfer: "URL to PUT, through the cache and past it, fan-out, resumed downloads",
  commands: "requests, bytes and time of commands on each kind of state (docs/scale.md)",
  teams: "requests, bytes and time of the state alone (docs/scale.md)",
  peaks: "the peak of memory for each form of an image",
  openstack: "uploads and plans with a Glance that runs (tests/live/openstack-up)",
  incus: "the same with an incusd that runs (tests/live/incus-up)",
};

const [first, ...rest] = process.argv.slice(2);
if (first === "race") {
  process.exitCode = await main(rest).catch((thrown: unknown) => {
    console.error(thrown instanceof Error ? `race: ${thrown.message}` : thrown);
    return 64;
  });
} else if (first === undefined || first === "--help" || ![first, ...rest].every((name) => name in ALL)) {
  console.log(`usage: bun run bench race [ROW…]   ours beside the tools that people would use instead, in one table
       bun run bench NAME…         one of:
${Object.entries(ALL)
  .map(([name, about]) => `  ${name.padEnd(10)} ${about}`)
  .join("\n")}

bun run bench race --list shows the rows and options. See bench/README.md.`);
  process.exitCode = first === undefined || first === "--help" ? 0 : 64;
} else {
  for (const name of [first, ...rest]) {
    console.log(`== ${name}`);
    process.argv.length = 2;
    await import(`./${name}.ts`);
  }
}
