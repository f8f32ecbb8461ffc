/** The same scenarios under the runtime's own bench tool: `Deno.bench` (run by `deno bench`), or mitata on Bun. A second opinion on the sampler. */
import { HEADLINES, TWINS } from "./scenarios.ts";

const scenarios = [...HEADLINES, ...TWINS];
for (const { prove } of scenarios) await prove();

/** Keeps results alive, so that no body is optimised away. */
export let sink: unknown;

if ("Deno" in globalThis) {
  // Only an async function is awaited; promises that nobody waits for would fill the memory.
  for (const { name, run, isAsync } of scenarios) {
    Deno.bench(
      name,
      isAsync ? async () => void (sink = await run()) : () => void (sink = run()),
    );
  }
} else {
  const { bench, run: runAll } = await import("mitata");
  for (const { name, run, isAsync } of scenarios) bench(name, isAsync ? async () => await run() : () => run());
  await runAll();
}
