/**
 * Measures the heap that 100,000 rounds (or `--rounds N`) of idioms in loops leave behind. Each idiom plays once to warm up, as compiled code
 * counts as heap too; the bytes per round are those of the second time. Exits with 1 when one keeps more than a byte a round and `--check`
 * is given.
 *
 * An object that a weak reference was asked for stays until the turn of the event loop ends, as the language has it: a race against `cancelled()` looks
 * on Bun as if it kept 125 bytes a round when it is measured in the turn in which it was played, and so does a plain promise whose `then`
 * keeps weak references and looks at them. It is flat from the next turn on, which is when `collector` looks.
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { IDIOMS, Stage } from "../../tests/fixtures/idioms.ts";
import { collector, usedHeap } from "../memory.ts";

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: { rounds: { type: "string", default: "100000" }, check: { type: "boolean", default: false } },
});
const rounds = Number(values.rounds);
const collect = await collector();

async function heapBytes(): Promise<number> {
  for (let pass = 0; pass < 5; pass++) await collect();
  return await usedHeap();
}

console.log(`${"Deno" in globalThis ? "deno" : "bun"}, ${rounds} rounds each`);
for (const name of Object.keys(IDIOMS)) {
  const stage = new Stage();
  await stage.start();
  await stage.play(name, rounds, (object) => object);
  const before = await heapBytes();
  await stage.play(name, rounds, (object) => object);
  const bytes = (await heapBytes() - before) / rounds;
  await stage.end();
  const isFlat = bytes <= 1;
  if (!isFlat && values.check) process.exitCode = 1;
  console.log(`${name.padEnd(36)} ${bytes.toFixed(3).padStart(8)} B a round  ${isFlat ? "flat" : "GROWS"}`);
}
