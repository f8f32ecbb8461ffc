import { HEADLINES, TWINS } from "./scenarios.ts";

const figures: Record<string, number> = {};
for (const { name, run } of [...HEADLINES, ...TWINS.slice(0, 2)]) {
  const startMs = performance.now();
  await run();
  figures[name] = (performance.now() - startMs) * 1e6;
}
console.log(JSON.stringify(figures));
