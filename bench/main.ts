// Every benchmark, or those that are named: bun run bench local net. Figures are for the machine that they are taken on; ratios are
// against another program on the same machine, in the same run.

const ALL = ["local", "store", "net", "formats", "transfer"];
const wanted = process.argv.slice(2);
for (const name of wanted.length === 0 ? ALL : wanted) {
  console.log(`== ${name}`);
  await import(`./${name}.ts`);
}

export {};
